//! Environment markers, as far as they can be judged without running Python.

/// Whether a need under this marker can hold on Linux with CPython and without extras. What is not known counts as holding.
///
/// Shape: comparisons joined by `and`, `or` and parentheses. Source: packaging.python.org, "Dependency specifiers" (PEP 508).
pub(super) fn may_hold(marker: &str) -> bool {
    let tokens = tokens(marker);
    let mut reader = Reader { tokens: &tokens, at: 0, depth: 0 };
    reader.or().unwrap_or(true)
}

fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    // a marker has a handful of comparisons
    while !rest.is_empty() && tokens.len() < 500 {
        let end = match rest.chars().next() {
            Some(quote @ ('\'' | '"')) => {
                rest.get(1..).and_then(|rest| rest.find(quote)).map_or(rest.len(), |at| at + 2)
            }
            Some('(' | ')') => 1,
            Some('<' | '>' | '=' | '!' | '~') => rest.find(|c| !"<>=!~".contains(c)).unwrap_or(rest.len()),
            _ => rest.find(|c: char| c.is_whitespace() || "()<>=!~'\"".contains(c)).unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(end.max(1).min(rest.len()));
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

struct Reader<'a> {
    tokens: &'a [&'a str],
    at: usize,
    depth: u32,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<&'a str> {
        self.at += 1;
        self.tokens.get(self.at - 1).copied()
    }

    fn take(&mut self, word: &str) -> bool {
        let same = self.tokens.get(self.at) == Some(&word);
        self.at += usize::from(same);
        same
    }

    fn or(&mut self) -> Option<bool> {
        let mut holds = self.and()?;
        while self.take("or") {
            holds |= self.and()?;
        }
        Some(holds)
    }

    fn and(&mut self) -> Option<bool> {
        let mut holds = self.comparison()?;
        while self.take("and") {
            holds &= self.comparison()?;
        }
        Some(holds)
    }

    fn comparison(&mut self) -> Option<bool> {
        if self.take("(") {
            self.depth += 1;
            if self.depth > 50 {
                return None;
            }
            let holds = self.or()?;
            self.depth -= 1;
            return self.take(")").then_some(holds);
        }
        let left = self.next()?;
        let mut operator = self.next()?;
        if operator == "not" && self.take("in") {
            operator = "not in";
        }
        let right = self.next()?;
        let literal = |token: &'a str| token.strip_prefix(['\'', '"']).map(|text| text.trim_end_matches(['\'', '"']));
        let (name, value, flipped) = match (literal(left), literal(right)) {
            (None, Some(value)) => (left, value, false),
            (Some(value), None) => (right, value, true),
            _ => return None,
        };
        let ours = match name {
            "extra" => "",
            "sys_platform" => "linux",
            "platform_system" => "Linux",
            "os_name" => "posix",
            "implementation_name" => "cpython",
            "platform_python_implementation" => "CPython",
            _ => return Some(true),
        };
        Some(match operator {
            "==" => ours == value,
            "!=" => ours != value,
            "in" if !flipped => value.contains(ours) && !ours.is_empty(),
            "in" => ours.contains(value),
            "not in" if !flipped => !value.contains(ours),
            "not in" => !ours.contains(value),
            _ => true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(marker: &str, expected: bool) {
        assert_eq!(may_hold(marker), expected, "{marker}");
    }

    #[test]
    fn markers() {
        check("extra == 'test'", false);
        check("python_version < \"3.8\"", true);
        check("sys_platform == 'win32'", false);
        check("sys_platform != \"win32\" and python_version > '3'", true);
        check("(os_name == 'nt' or sys_platform == 'linux') and extra == 'x'", false);
        check("os_name=='nt' or (platform_system == 'Linux')", true);
        check("'linux' in sys_platform", true);
        check("sys_platform not in 'win32 cygwin'", true);
        check("nonsense", true);
        check(&"(".repeat(10_000), true);
    }
}
