//! Literals of Ruby: what a specification states without computing it.

/// A value of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// One text.
    Text(String),
    /// A list of texts; what is none is passed over.
    List(Vec<String>),
    /// A constant or variable: `Foo::VERSION`, `version`.
    Name(&'a str),
    /// Anything else: it would have to be run.
    Computed,
}

/// Longest text that is believed, in bytes; descriptions have some thousand.
const LENGTH: usize = 64 << 10;

/// Items of a list, at most.
const ITEMS: usize = 1000;

/// Reads the expression at the start of a text, up to the end of its statement.
///
/// Shape: texts in `"` or `'`, `%q`, `%Q` with any brackets, `Gem::Version.new(TEXT)`, lists `[..]` and `%w`, each with `.freeze` or
/// `.to_s`. A text with `#{` is computed.
/// Source: docs.ruby-lang.org, `syntax/literals_rdoc.html`.
pub(super) fn expression(text: &str) -> Value<'_> {
    let text = text.trim_start();
    if let Some(inner) = text.strip_prefix("Gem::Version.new") {
        let inner = inner.trim_start();
        return expression(inner.strip_prefix('(').unwrap_or(inner).split(')').next().unwrap_or_default());
    }
    if let Some(rest) = text.strip_prefix('[') {
        return list(rest);
    }
    if let Some(rest) = text.strip_prefix("%w").or_else(|| text.strip_prefix("%W")) {
        return match bracketed(rest, false) {
            Some((words, _)) => Value::List(words.split_whitespace().take(ITEMS).map(str::to_owned).collect()),
            None => Value::Computed,
        };
    }
    match string(text) {
        Some((value, rest)) if is_end(without_calls(rest)) => Value::Text(value),
        Some(_) => Value::Computed,
        None => name(text),
    }
}

/// A constant or variable alone.
fn name(text: &str) -> Value<'_> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let usable = name.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == ':');
    if usable && is_end(without_calls(rest)) { Value::Name(name) } else { Value::Computed }
}

/// Calls that change nothing.
fn without_calls(mut text: &str) -> &str {
    while let Some(rest) = [".freeze", ".to_s", ".dup", ".strip"].iter().find_map(|call| text.strip_prefix(call)) {
        text = rest;
    }
    text
}

/// Whether the statement ends here: line end, comment, or a condition that only asks what RubyGems can do.
fn is_end(rest: &str) -> bool {
    let line = rest.lines().next().unwrap_or_default().trim();
    line.is_empty() || line.starts_with(['#', ';', ')']) || line.starts_with("if ") || line.starts_with("unless ")
}

fn list(mut text: &str) -> Value<'static> {
    let mut items = Vec::new();
    loop {
        text = text.trim_start();
        if let Some(comment) = text.strip_prefix('#') {
            text = comment.split_once('\n').map_or("", |(_, rest)| rest);
            continue;
        }
        if text.starts_with(']') {
            return Value::List(items);
        }
        let Some((value, rest)) = string(text).filter(|_| items.len() < ITEMS) else { return Value::Computed };
        items.push(value);
        let rest = without_calls(rest).trim_start();
        text = rest.strip_prefix(',').unwrap_or(rest);
        if text.len() == rest.len() && !rest.starts_with([']', '#']) {
            return Value::Computed;
        }
    }
}

/// The text at the start, and what follows it. `None`: no text, or one that is computed.
pub(super) fn string(text: &str) -> Option<(String, &str)> {
    if let Some(rest) = text.strip_prefix("%q") {
        return bracketed(rest, false);
    }
    if let Some(rest) = text.strip_prefix("%Q") {
        return bracketed(rest, true);
    }
    match text.chars().next()? {
        '"' => quoted(text.get(1..)?, None, '"', true),
        '\'' => quoted(text.get(1..)?, None, '\'', false),
        '%' => bracketed(text.get(1..)?, true),
        _ => None,
    }
}

/// A text whose first character says how it ends.
fn bracketed(text: &str, escapes: bool) -> Option<(String, &str)> {
    let open = text.chars().next().filter(|c| c.is_ascii_punctuation())?;
    let (nested, close) = match open {
        '<' => (Some('<'), '>'),
        '(' => (Some('('), ')'),
        '[' => (Some('['), ']'),
        '{' => (Some('{'), '}'),
        other => (None, other),
    };
    quoted(text.get(1..)?, nested, close, escapes)
}

fn quoted(text: &str, open: Option<char>, close: char, escapes: bool) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut depth = 0usize;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if out.len() > LENGTH || (escapes && c == '#' && text.get(at + 1..)?.starts_with('{')) {
            return None;
        }
        match c {
            '\\' => {
                let (_, next) = chars.next()?;
                match next {
                    'n' if escapes => out.push('\n'),
                    't' if escapes => out.push('\t'),
                    next if escapes || next == close || next == '\\' => out.push(next),
                    next => out.extend(['\\', next]),
                }
            }
            c if c == close && depth == 0 => return Some((out, text.get(at + c.len_utf8()..)?)),
            c => {
                if c == close {
                    depth -= 1;
                } else if Some(c) == open {
                    depth += 1;
                }
                out.push(c);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Value<'_>) {
        assert_eq!(expression(text), expected, "{text}");
    }

    #[test]
    fn expressions() {
        let text = |text: &str| Value::Text(text.to_owned());
        check("\"a \\\"b\\\" \\\\\".freeze # c\n", text("a \"b\" \\"));
        check("'it\\'s \\n'", text("it's \\n"));
        check("%q<a<b>c>.freeze, [\"x\"]", Value::Computed);
        check("%q<a<b>c>.freeze", text("a<b>c"));
        check("%q{a} if s.respond_to? :x=", text("a"));
        check("Gem::Version.new(\"1.0\")", text("1.0"));
        check("\"1.#{MINOR}\"", Value::Computed);
        check("\"1\" + \"2\"", Value::Computed);
        check("[\"a\".freeze,'b', # c\n %q(d)]", Value::List(vec!["a".into(), "b".into(), "d".into()]));
        check("[]", Value::List(vec![]));
        check("[a]", Value::Computed);
        check("%w[a b\n c]", Value::List(vec!["a".into(), "b".into(), "c".into()]));
        check("Foo::VERSION.dup\n", Value::Name("Foo::VERSION"));
        check("version", Value::Name("version"));
        check("File.read('VERSION')", Value::Computed);
        check("\"open", Value::Computed);
        check("", Value::Computed);
    }
}
