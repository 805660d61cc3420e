//! Rules of a CUE policy as Rego and as CEL.

use serde_json::Value;

use super::read::{Constraint, Operand, Operator, Rules};

/// A whole Rego policy.
pub(super) fn rego(rules: &Rules, untold: &[(usize, String)]) -> String {
    let mut text = "package signature\n\nallow {\n".to_owned();
    for rule in &rules.constraints {
        text += &format!("  {}\n", rego_line(rule));
    }
    for (line, rule) in untold {
        text += &format!("  false # line {line} is not told: {rule}\n");
    }
    if rules.constraints.is_empty() && untold.is_empty() {
        text += "  false # no rule was found\n";
    }
    text + "}\n"
}

/// A CEL expression over `statement`.
pub(super) fn cel(rules: &Rules, untold: &[(usize, String)]) -> String {
    let mut lines: Vec<String> = rules.constraints.iter().map(cel_line).collect();
    lines.extend(untold.iter().map(|(line, rule)| format!("false // line {line} is not told: {rule}\n ")));
    if lines.is_empty() {
        lines.push("false // no rule was found".to_owned());
    }
    lines.join(" &&\n") + "\n"
}

fn rego_line(rule: &Constraint) -> String {
    let place = format!("input{}", path(&rule.path));
    match (rule.operator, &rule.operand) {
        // Compared with false, not negated: what is undefined must not pass.
        (Operator::Matches, operand) => format!("regex.match({}, {place})", literal(operand)),
        (Operator::MatchesNot, operand) => format!("regex.match({}, {place}) == false", literal(operand)),
        (operator, Operand::Time(time)) => {
            format!("time.parse_rfc3339_ns({place}) {} time.parse_rfc3339_ns({})", sign(operator), quoted(time))
        }
        (operator, operand) => format!("{place} {} {}", sign(operator), literal(operand)),
    }
}

fn cel_line(rule: &Constraint) -> String {
    let place = format!("statement{}", path(&rule.path));
    match (rule.operator, &rule.operand) {
        (Operator::Matches, operand) => format!("{place}.matches({})", literal(operand)),
        (Operator::MatchesNot, operand) => format!("!{place}.matches({})", literal(operand)),
        (operator, Operand::Time(time)) => format!("timestamp({place}) {} timestamp({})", sign(operator), quoted(time)),
        (operator, operand) => format!("{place} {} {}", sign(operator), literal(operand)),
    }
}

fn sign(operator: Operator) -> &'static str {
    match operator {
        Operator::Equal | Operator::Matches => "==",
        Operator::NotEqual | Operator::MatchesNot => "!=",
        Operator::Less => "<",
        Operator::LessOrEqual => "<=",
        Operator::Greater => ">",
        Operator::GreaterOrEqual => ">=",
    }
}

/// Words that are no names of members behind a dot in one of the two languages.
const RESERVED: [&str; 26] = [
    "as",
    "break",
    "const",
    "continue",
    "contains",
    "default",
    "else",
    "every",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "not",
    "null",
    "package",
    "return",
    "some",
    "true",
    "var",
    "void",
    "while",
];

fn path(members: &[String]) -> String {
    members
        .iter()
        .map(|member| {
            let plain = member.chars().next().is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '_')
                && member.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
                && !RESERVED.contains(&member.as_str())
                && member != "with";
            if plain { format!(".{member}") } else { format!("[{}]", quoted(member)) }
        })
        .collect()
}

fn literal(operand: &Operand) -> String {
    match operand {
        Operand::Text(text) | Operand::Time(text) => quoted(text),
        Operand::Number(text) | Operand::Word(text) => text.clone(),
    }
}

/// In double quotes, with escapes that JSON, Rego and CEL share.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
