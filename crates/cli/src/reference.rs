//! `docs/reference/cli.md` is made from the clap table; this test holds the two together. `SIGNET_BLESS=1` writes the page.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, Command, CommandFactory as _};

use crate::args::Cli;

#[test]
fn the_reference_page_is_current() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/cli.md");
    let page = page();
    if std::env::var_os("SIGNET_BLESS").is_some() {
        std::fs::write(&place, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&place).unwrap_or_default();
    assert!(kept == page, "`docs/reference/cli.md` is not current: run the tests with SIGNET_BLESS=1");
}

#[test]
fn every_flag_says_what_it_does() {
    let mut open = vec![Cli::command()];
    while let Some(command) = open.pop() {
        assert!(command.get_about().is_some(), "`{}` has no text", command.get_name());
        for argument in command.get_arguments().filter(|argument| argument.get_id() != "args") {
            assert!(argument.get_help().is_some(), "`{}` of `{}` has no text", argument.get_id(), command.get_name());
        }
        open.extend(command.get_subcommands().cloned());
    }
}

#[test]
fn examples_are_not_broken_where_they_cannot_be_pasted() {
    let mut open = vec![Cli::command()];
    while let Some(command) = open.pop() {
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in after.lines() {
            assert!(
                line.chars().count() <= 100,
                "`{}` shows a line that is wider than a terminal: {line}",
                command.get_name()
            );
        }
        open.extend(command.get_subcommands().cloned());
    }
}

fn page() -> String {
    let mut root = Cli::command();
    root.build();
    let mut text = String::from(
        "# The command line\n\n<!-- Made from the program's table of flags by a test; SIGNET_BLESS=1 writes it anew. -->\n\nFlags win over `SIGNET_*` variables. Data goes to standard output, talk to standard error. `NO_COLOR` holds, and `SOURCE_DATE_EPOCH` fixes the time.\n\n",
    );
    text += "## Exit codes\n\n| code | meaning |\n|---|---|\n";
    for (code, meaning) in [
        (0, "all well: everything asked for was looked at, and the policy holds"),
        (1, "could not finish"),
        (2, "wrong usage"),
        (3, "nothing matched the input"),
        (10, "the policy says no"),
        (11, "findings at or above the threshold"),
        (12, "verification failed"),
        (13, "incomplete: something could not be examined (`--allow-incomplete` makes it a warning)"),
    ] {
        let _ = writeln!(text, "| {code} | {meaning} |");
    }
    text += "\nWhere several hold: 2, 1, 12, 10, 11, 13, 3, 0. Reports are whole on disk before the program exits.\n\n";
    text += "## Options of every command\n\n";
    options(&mut text, root.get_arguments().filter(|argument| argument.is_global_set()));
    let mut variables = BTreeMap::new();
    for command in root.get_subcommands() {
        section(&mut text, command, "signet", &mut variables);
    }
    gather(&root, "every command", &mut variables);
    text += "## Environment\n\n| variable | stands for | of |\n|---|---|---|\n";
    for (variable, (flag, commands)) in variables {
        let _ = writeln!(text, "| `{variable}` | `{flag}` | {} |", commands.join(", "));
    }
    text
}

type Variables = BTreeMap<String, (String, Vec<String>)>;

fn section(text: &mut String, command: &Command, above: &str, variables: &mut Variables) {
    if command.get_name() == "help" {
        return;
    }
    let name = format!("{above} {}", command.get_name());
    let nested: Vec<&Command> = command.get_subcommands().filter(|command| command.get_name() != "help").collect();
    if nested.is_empty() || command.is_args_conflicts_with_subcommands_set() {
        let usage = command.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage:").trim();
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(text, "## `{name}`\n\n{about}.\n\n```\n{usage}\n```\n", about = about.trim_end_matches('.'));
        options(text, command.get_arguments().filter(|argument| !argument.is_global_set()));
        if let Some(after) = command.get_after_help() {
            let _ = writeln!(text, "```\n{}\n```\n", after.to_string().trim());
        }
        gather(command, &format!("`{name}`"), variables);
    }
    for command in nested {
        section(text, command, &name, variables);
    }
}

fn gather(command: &Command, name: &str, variables: &mut Variables) {
    for argument in command.get_arguments().filter(|argument| argument.is_global_set() == (name == "every command")) {
        let Some(variable) = argument.get_env() else { continue };
        let entry = variables.entry(variable.to_string_lossy().into_owned()).or_default();
        entry.0 = spelled(argument);
        entry.1.push(name.to_owned());
    }
}

fn options<'a>(text: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    let rows: Vec<String> = arguments
        .filter(|argument| !matches!(argument.get_id().as_str(), "help" | "version"))
        .map(|argument| {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
            let defaults: Vec<String> =
                argument.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
            let default = match (argument.get_action().takes_values(), defaults.is_empty()) {
                (true, false) => format!(". Default: {}", defaults.join(", ")),
                _ => String::new(),
            };
            format!("| `{}` | {help}{default} |\n", spelled(argument))
        })
        .collect();
    if !rows.is_empty() {
        *text += "| option | does |\n|---|---|\n";
        rows.iter().for_each(|row| *text += row);
        text.push('\n');
    }
}

/// `-o, --output <FORMAT[=FILE]>` or `<SOURCE>`.
fn spelled(argument: &Arg) -> String {
    let values = argument.get_value_names().unwrap_or_default();
    let value = match argument.get_action().takes_values() {
        true => values.iter().map(|name| format!("<{name}>")).collect::<Vec<_>>().join(" "),
        false => String::new(),
    };
    let long = argument.get_long().map(|long| format!("--{long}"));
    let short = argument.get_short().map(|short| format!("-{short}"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    [names.join(", "), value].iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" ")
}
