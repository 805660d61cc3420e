//! Rego as OPA reads it, written so that our evaluator reads it alike. Three things differ between them, and each is rewritten before parsing:
//!
//! - `not f(input.a)` is undefined in OPA when `input.a` is: OPA takes what a call, a comparison or an index needs out of the negation first. Our
//!   evaluator calls such a negation true, which allows in a rule that allows. The operands are written before the `not`, as OPA's compiler does.
//! - `rule { .. } { .. }` is two rules with one head.
//! - `(` and `[` at the begin of a line begin a statement, also behind a name.
//!
//! Lines keep their numbers, but for second bodies of a rule, which begin a line of their own.
//! Sources: open-policy-agent/opa:ast/compile.go (`rewriteDynamics`, `expandExpr`), ast/parser.go; opa issues #1877 and #8387.

use std::cell::Cell;
use std::collections::BTreeSet;

/// Letters of a token that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word,
    Text,
    Number,
    Sign,
}

#[derive(Clone, Copy, Debug)]
struct Token<'t> {
    kind: Kind,
    text: &'t str,
    start: usize,
    /// Whether a line ends before it.
    first: bool,
    /// From 1.
    line: usize,
}

impl Token<'_> {
    fn end(&self) -> usize {
        self.start.saturating_add(self.text.len())
    }

    fn is(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }

    fn opens(&self) -> bool {
        self.is("(") || self.is("[") || self.is("{")
    }

    fn closes(&self) -> bool {
        self.is(")") || self.is("]") || self.is("}")
    }

    fn word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }
}

/// Operators from those that bind least; each list is split at all of its members.
const OPERATORS: [&[&str]; 3] = [&["==", "!=", "<=", ">=", "<", ">"], &["|", "&"], &["+", "-", "*", "/", "%"]];
const KEYWORDS: [&str; 13] =
    ["not", "some", "every", "in", "with", "as", "if", "contains", "import", "default", "else", "package", "every"];
/// Negations that are rewritten; what stands behind them is left as it is.
const MAX_NEGATIONS: usize = 5_000;
/// Tokens of one negation.
const MAX_TOKENS: usize = 2_000;
/// Brackets within brackets of one negation.
const MAX_DEPTH: usize = 32;
/// Negations within operands of negations.
const MAX_NESTED: usize = 8;

fn tokens(text: &str) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let at = |place: usize| bytes.get(place).copied().unwrap_or(0);
    let mut found = Vec::new();
    let (mut place, mut first, mut line) = (0, true, 1_usize);
    while place < bytes.len() {
        let start = place;
        let kind = match at(place) {
            b'\n' => {
                first = true;
                line = line.saturating_add(1);
                place += 1;
                continue;
            }
            b'#' => {
                while place < bytes.len() && at(place) != b'\n' {
                    place += 1;
                }
                continue;
            }
            b'"' => {
                place += 1;
                while place < bytes.len() && at(place) != b'"' && at(place) != b'\n' {
                    place += if at(place) == b'\\' { 2 } else { 1 };
                }
                place += 1;
                Kind::Text
            }
            b'`' => {
                place += 1;
                while place < bytes.len() && at(place) != b'`' {
                    place += 1;
                }
                place += 1;
                Kind::Text
            }
            byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                while at(place).is_ascii_alphanumeric() || at(place) == b'_' {
                    place += 1;
                }
                Kind::Word
            }
            byte if byte.is_ascii_digit() => {
                while at(place).is_ascii_alphanumeric()
                    || (at(place) == b'.' && at(place.saturating_add(1)).is_ascii_digit())
                {
                    place += 1;
                }
                Kind::Number
            }
            byte if byte.is_ascii_whitespace() => {
                place += 1;
                continue;
            }
            byte => {
                place += if matches!((byte, at(place + 1)), (b':' | b'=' | b'!' | b'<' | b'>', b'=')) { 2 } else { 1 };
                Kind::Sign
            }
        };
        // A sign may be the first byte of a longer letter.
        let mut end = place.min(bytes.len());
        while end < bytes.len() && !text.is_char_boundary(end) {
            end += 1;
        }
        place = end;
        if let Some(text) = text.get(start..end) {
            found.push(Token { kind, text, start, first, line });
            line = line.saturating_add(text.matches('\n').count());
        }
        first = false;
    }
    found
}

/// A text that is put in the place of another.
struct Edit {
    start: usize,
    end: usize,
    text: String,
}

/// An operand that OPA asks for before the negation in which it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Operand {
    /// From 1.
    pub(crate) line: usize,
    /// As written.
    pub(crate) text: String,
}

/// A module as our evaluator is to read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rewritten {
    /// The module in the words of our evaluator.
    pub(crate) text: String,
    /// The operands that were taken out of negations.
    pub(crate) operands: Vec<Operand>,
    /// The line of a negation that was left as it is written, because it is too long or too deep, or because there are too many. It could be true
    /// where OPA's is not.
    pub(crate) left: Option<usize>,
}

/// Writes a module in the words of our evaluator.
pub(crate) fn rewrite(text: &str) -> Rewritten {
    let tokens = tokens(text);
    let closings = closings(&tokens);
    let (rules, edits, left) = (BTreeSet::new(), Vec::new(), Cell::new(None));
    let mut reader = Reader { text, tokens: &tokens, closings, rules, edits, made: 0, left, depth: 0 };
    reader.bodies();
    reader.lines();
    let mut operands = Vec::new();
    reader.negations(&mut operands);
    let left = reader.left.get();
    Rewritten { text: edited(text, reader.edits), operands, left }
}

/// A text with its edits.
fn edited(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| (edit.start, edit.end));
    let (mut out, mut place) = (String::with_capacity(text.len()), 0);
    for edit in &edits {
        // What overlaps is left as it is written.
        let Some(between) = text.get(place..edit.start) else { continue };
        out.push_str(between);
        out.push_str(&edit.text);
        place = edit.end;
    }
    out.push_str(text.get(place..).unwrap_or_default());
    out
}

/// For each token that opens a bracket, the one that closes it.
fn closings(tokens: &[Token<'_>]) -> Vec<Option<usize>> {
    let mut found = vec![None; tokens.len()];
    let mut open = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        if token.opens() {
            open.push(index);
        } else if token.closes()
            && let Some(place) = open.pop().and_then(|begin| found.get_mut(begin))
        {
            *place = Some(index);
        }
    }
    found
}

/// What a module asks of `data`: the line, and the first name; `*` where it asks for all or for a name that is computed.
pub(crate) fn data_roots(text: &str) -> Vec<(usize, String)> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate().filter(|(_, token)| token.word("data")) {
        let before = index.checked_sub(1).and_then(|index| tokens.get(index));
        let next = |steps: usize| tokens.get(index.saturating_add(steps));
        // `x.data`, and `{"k": v | data := ..}`.
        if before.is_some_and(|before| before.is(".")) || next(1).is_some_and(|next| next.is(":=")) {
            continue;
        }
        let name = match (next(1), next(2)) {
            (Some(dot), Some(name)) if dot.is(".") => name.text,
            (Some(open), Some(name)) if open.is("[") && name.kind == Kind::Text => name.text.trim_matches('"'),
            _ => "*",
        };
        found.push((token.line, name.to_owned()));
    }
    found
}

/// Whether a module has a name, as a word or as a text: `input.review.userInfo`, `review["userInfo"]`.
pub(crate) fn mentions(text: &str, name: &str) -> bool {
    tokens(text).iter().any(|token| match token.kind {
        Kind::Word => token.text == name,
        Kind::Text => token.text.trim_matches(['"', '`']) == name,
        Kind::Number | Kind::Sign => false,
    })
}

struct Reader<'t> {
    text: &'t str,
    tokens: &'t [Token<'t>],
    closings: Vec<Option<usize>>,
    /// Names of rules: who names one asks for more than a variable.
    rules: BTreeSet<&'t str>,
    edits: Vec<Edit>,
    made: usize,
    /// See [`Rewritten::left`].
    left: Cell<Option<usize>>,
    /// How many negations the text stands in.
    depth: usize,
}

impl<'t> Reader<'t> {
    fn token(&self, index: usize) -> Option<&'t Token<'t>> {
        self.tokens.get(index)
    }

    fn span(&self, from: usize, to: usize) -> Option<(usize, usize)> {
        let last = to.checked_sub(1).filter(|last| *last >= from)?;
        Some((self.token(from)?.start, self.token(last)?.end()))
    }

    /// The names that imports give.
    fn imports(&mut self) {
        let mut index = 0;
        while index < self.tokens.len() {
            let is_import = self.token(index).is_some_and(|token| token.word("import") && (token.first || index == 0));
            index += 1;
            if !is_import {
                continue;
            }
            let mut name = None;
            while let Some(token) = self.tokens.get(index).filter(|token| !token.first) {
                if token.kind == Kind::Word && !token.word("as") {
                    name = Some(token.text);
                }
                index += 1;
            }
            // `rego.v1` and `future.keywords` name no data, and nothing is called like them.
            self.rules.extend(name.filter(|name| !KEYWORDS.contains(name)));
        }
    }

    /// Gives each second body of a rule its head, and finds the names of rules.
    fn bodies(&mut self) {
        self.imports();
        let mut depth = 0_usize;
        let (mut head, mut body, mut closed): (Option<usize>, Option<usize>, Option<usize>) = (None, None, None);
        let mut other = false;
        for (index, token) in self.tokens.iter().enumerate() {
            let before = index.checked_sub(1).and_then(|index| self.token(index));
            if depth == 0 && token.kind == Kind::Word && (token.first || index == 0) && !token.word("else") {
                let goes_on = before.is_some_and(|before| before.is("=") || before.is(":=") || before.word("if"));
                if !goes_on {
                    (head, body, closed, other) = (Some(index), None, None, false);
                    let named = if token.word("default") { self.token(index + 1) } else { Some(token) };
                    if let Some(name) = named.filter(|name| !KEYWORDS.contains(&name.text)) {
                        self.rules.insert(name.text);
                    }
                }
            }
            if depth == 0 && token.word("else") {
                other = true;
            }
            if token.opens() {
                if depth == 0 && token.is("{") {
                    let value = before.is_some_and(|before| {
                        before.is("=")
                            || before.is(":=")
                            || OPERATORS.iter().flat_map(|all| all.iter()).any(|sign| before.is(sign))
                    });
                    match (value, body, closed) {
                        (true, _, _) => {}
                        (false, None, _) => body = Some(index),
                        (false, Some(first), Some(end)) if end + 1 == index && !other => {
                            let span = head.and_then(|head| self.span(head, first));
                            if let Some((start, end)) = span
                                && let Some(head) = self.text.get(start..end)
                            {
                                let text = format!("\n{head} {{");
                                self.edits.push(Edit { start: token.start, end: token.end(), text });
                            }
                        }
                        _ => {}
                    }
                }
                depth = depth.saturating_add(1);
            } else if token.closes() {
                depth = depth.saturating_sub(1);
                if depth == 0 && token.is("}") && body.is_some() {
                    closed = Some(index);
                }
            }
        }
    }

    /// Ends a statement before a bracket that begins a line.
    fn lines(&mut self) {
        // For each open bracket: whether statements stand in it.
        let mut open: Vec<bool> = Vec::new();
        let mut edits = Vec::new();
        for (index, token) in self.tokens.iter().enumerate() {
            let before = index.checked_sub(1).and_then(|index| self.token(index));
            if (token.is("(") || token.is("[")) && token.first && open.last() == Some(&true) {
                let ends = before.is_some_and(|before| match before.kind {
                    Kind::Word => !KEYWORDS.contains(&before.text),
                    Kind::Text | Kind::Number => true,
                    Kind::Sign => before.closes(),
                });
                if let Some(before) = before.filter(|_| ends) {
                    edits.push(Edit { start: before.end(), end: before.end(), text: ";".to_owned() });
                }
            }
            if token.opens() {
                open.push(token.is("{"));
            } else if token.closes() {
                open.pop();
            } else if token.is("|")
                && let Some(inside) = open.last_mut()
            {
                *inside = true;
            }
        }
        self.edits.append(&mut edits);
    }

    /// Takes operands out of negations.
    fn negations(&mut self, operands: &mut Vec<Operand>) {
        let found = self.tokens.iter().enumerate().filter(|(_, token)| token.word("not"));
        let found: Vec<usize> = found.map(|(index, _)| index).collect();
        if let Some(more) = found.get(MAX_NEGATIONS) {
            self.leave(*more);
        }
        // Operands that were taken out with the negations in them.
        let mut taken_out: Vec<(usize, usize)> = Vec::new();
        for index in found.into_iter().take(MAX_NEGATIONS) {
            let Some(token) = self.token(index) else { continue };
            if taken_out.iter().any(|(from, to)| (*from..*to).contains(&index)) {
                continue;
            }
            let before = index.checked_sub(1).and_then(|index| self.token(index));
            if before.is_some_and(|before| before.is(".")) {
                continue;
            }
            let from = index + 1;
            let to = self.expression(from);
            let until = self.statement(to);
            if until.saturating_sub(from) > MAX_TOKENS {
                self.leave(index);
                continue;
            }
            let mut found = Vec::new();
            self.needed(from, to, 0, &mut found);
            if found.is_empty() {
                continue;
            }
            let with = self.span(to, until).and_then(|(start, end)| self.text.get(start..end)).unwrap_or_default();
            let mut taken = String::new();
            for (from, to) in found {
                let Some((start, end)) = self.span(from, to) else { continue };
                let Some(operand) = self.text.get(start..end) else { continue };
                let line = self.token(from).map_or(1, |token| token.line);
                let inner =
                    self.tokens.get(from..to).is_some_and(|tokens| tokens.iter().any(|token| token.word("not")));
                let meant = if inner { self.within(operand, line, operands) } else { operand.to_owned() };
                if inner {
                    taken_out.push((from, to));
                }
                self.made = self.made.saturating_add(1);
                let name = format!("signet_operand_{}", self.made);
                taken.push_str(&format!("{name} := {meant} {with}; "));
                operands.push(Operand { line, text: operand.to_owned() });
                self.edits.push(Edit { start, end, text: name });
            }
            // A body that is one statement without braces gets them.
            let alone = before.is_some_and(|before| before.word("if"));
            let text = if alone { format!("{{ {taken}") } else { taken };
            self.edits.push(Edit { start: token.start, end: token.start, text });
            if alone && let Some((_, end)) = self.span(index, until) {
                self.edits.push(Edit { start: end, end, text: " }".to_owned() });
            }
        }
    }

    /// An operand in which negations stand, with their operands taken out.
    fn within(&mut self, text: &str, line: usize, operands: &mut Vec<Operand>) -> String {
        if self.depth >= MAX_NESTED {
            self.left.set(self.left.get().or(Some(line)));
            return text.to_owned();
        }
        let tokens = tokens(text);
        let closings = closings(&tokens);
        let mut inner = Reader {
            text,
            tokens: &tokens,
            closings,
            rules: self.rules.clone(),
            edits: Vec::new(),
            made: self.made,
            left: Cell::new(None),
            depth: self.depth.saturating_add(1),
        };
        let mut found = Vec::new();
        inner.negations(&mut found);
        let above = line.saturating_sub(1);
        self.made = inner.made;
        if let Some(left) = inner.left.get() {
            self.left.set(self.left.get().or(Some(left.saturating_add(above))));
        }
        let edits = std::mem::take(&mut inner.edits);
        operands.extend(found.into_iter().map(|one| Operand { line: one.line.saturating_add(above), text: one.text }));
        edited(text, edits)
    }

    /// Notes a negation that stays as it is written.
    fn leave(&self, index: usize) {
        let line = self.token(index).map_or(1, |token| token.line);
        self.left.set(self.left.get().or(Some(line)));
    }

    /// Where an expression ends that begins at a token.
    fn expression(&self, from: usize) -> usize {
        let mut depth = 0_usize;
        let mut index = from;
        while let Some(token) = self.token(index) {
            if index.saturating_sub(from) > MAX_TOKENS {
                break;
            }
            if depth == 0 {
                let ended = token.is(";")
                    || token.is(",")
                    || token.closes()
                    || token.word("with")
                    || token.word("else")
                    || (index > from && token.first && !self.goes_on(index));
                if ended {
                    break;
                }
            }
            if token.opens() {
                depth = depth.saturating_add(1);
            } else if token.closes() {
                depth = depth.saturating_sub(1);
            }
            index += 1;
        }
        index
    }

    /// Where the `with` clauses behind an expression end.
    fn statement(&self, from: usize) -> usize {
        let mut index = from;
        while self.token(index).is_some_and(|token| token.word("with")) {
            index = self.expression(index + 1);
        }
        index
    }

    /// Whether a token that begins a line belongs to the expression before it.
    fn goes_on(&self, index: usize) -> bool {
        let infix = |token: &Token<'_>| {
            token.word("in")
                || token.word("as")
                || [".", "=", ":="].iter().chain(OPERATORS.iter().flat_map(|all| all.iter())).any(|sign| token.is(sign))
        };
        let before = index.checked_sub(1).and_then(|index| self.token(index));
        self.token(index).is_some_and(infix) || before.is_some_and(infix)
    }

    /// The tokens outside of all brackets in a range.
    fn outside(&self, from: usize, to: usize) -> Vec<usize> {
        let mut depth = 0_usize;
        let mut found = Vec::new();
        for index in from..to {
            let Some(token) = self.token(index) else { break };
            if token.closes() {
                depth = depth.saturating_sub(1);
            }
            if depth == 0 {
                found.push(index);
            }
            if token.opens() {
                depth = depth.saturating_add(1);
            }
        }
        found
    }

    /// The range between tokens of a range that are outside of all brackets.
    fn split(&self, from: usize, to: usize, at: impl Fn(usize) -> bool) -> Vec<(usize, usize)> {
        let mut parts = Vec::new();
        let mut begin = from;
        for index in self.outside(from, to) {
            if at(index) {
                parts.push((begin, index));
                begin = index + 1;
            }
        }
        parts.push((begin, to));
        parts
    }

    /// Whether a token is an operator between two operands of a range.
    fn is_infix(&self, from: usize, index: usize, signs: &[&str]) -> bool {
        let before = index.checked_sub(1).filter(|before| *before >= from).and_then(|before| self.token(before));
        let operand = before.is_some_and(|before| before.kind != Kind::Sign || before.closes());
        operand && self.token(index).is_some_and(|token| signs.iter().any(|sign| token.is(sign)))
    }

    /// What is evaluated before an expression that stands in a negation.
    fn needed(&self, from: usize, to: usize, depth: usize, found: &mut Vec<(usize, usize)>) {
        if depth > MAX_DEPTH {
            self.leave(from);
            return;
        }
        if from >= to {
            return;
        }
        let outside = self.outside(from, to);
        let any = |signs: &[&str]| outside.iter().any(|index| self.is_infix(from, *index, signs));
        // OPA makes `=` of `==` before it takes operands out, and of an equality it takes out calls alone: a reference that leads nowhere makes the
        // equality undefined, and its negation true.
        const EQUAL: &[&str] = &["=", ":=", "=="];
        if any(EQUAL) {
            for (from, to) in self.split(from, to, |index| self.is_infix(from, index, EQUAL)) {
                if self.is_call(from, to) {
                    found.push((from, to));
                } else {
                    self.needed(from, to, depth + 1, found);
                }
            }
            return;
        }
        if outside.iter().any(|index| self.token(*index).is_some_and(|token| token.word("in"))) {
            for (from, to) in self.split(from, to, |index| self.token(index).is_some_and(|token| token.word("in"))) {
                self.operand(from, to, found);
            }
            return;
        }
        for signs in OPERATORS {
            if any(signs) {
                for (from, to) in self.split(from, to, |index| self.is_infix(from, index, signs)) {
                    self.operand(from, to, found);
                }
                return;
            }
        }
        self.primary(from, to, depth, found);
    }

    /// Whether a range is one call: a name, and at its end the brackets of the arguments.
    fn is_call(&self, from: usize, to: usize) -> bool {
        let word = self.token(from).is_some_and(|token| token.kind == Kind::Word);
        word && (from + 1..to).any(|index| {
            let before = self.token(index - 1);
            self.token(index).is_some_and(|token| {
                token.is("(")
                    && before.is_some_and(|before| before.end() == token.start)
                    && self.closing(index) == Some(to - 1)
            })
        })
    }

    /// A call, a reference, or something in brackets.
    fn primary(&self, from: usize, to: usize, depth: usize, found: &mut Vec<(usize, usize)>) {
        let Some(first) = self.token(from) else { return };
        if first.is("(") && self.closing(from) == Some(to.saturating_sub(1)) {
            return self.needed(from + 1, to.saturating_sub(1), depth + 1, found);
        }
        if first.kind != Kind::Word {
            return;
        }
        let mut index = from + 1;
        while index < to {
            let Some(token) = self.token(index) else { return };
            let adjacent = index
                .checked_sub(1)
                .and_then(|before| self.token(before))
                .is_some_and(|before| before.end() == token.start);
            let Some(end) = (if token.opens() { self.closing(index) } else { None }) else {
                index += 1;
                continue;
            };
            if token.is("(") && adjacent {
                if end + 1 < to {
                    // What is looked for in the result of a call.
                    found.push((from, end + 1));
                } else {
                    for (from, to) in
                        self.split(index + 1, end, |index| self.token(index).is_some_and(|token| token.is(",")))
                    {
                        self.operand(from, to, found);
                    }
                }
            } else if token.is("[") && !found.iter().any(|(_, to)| *to > index) {
                self.operand(index + 1, end, found);
            }
            index = end + 1;
        }
    }

    /// The bracket that closes another.
    fn closing(&self, open: usize) -> Option<usize> {
        self.closings.get(open).copied().flatten()
    }

    /// An operand, if it can be undefined.
    fn operand(&self, from: usize, to: usize, found: &mut Vec<(usize, usize)>) {
        let Some(tokens) = self.tokens.get(from..to).filter(|tokens| !tokens.is_empty()) else { return };
        let Some(first) = tokens.first() else { return };
        let is_rule = |token: &Token<'_>| {
            token.kind == Kind::Word
                && (self.rules.contains(token.text) || token.text == "input" || token.text == "data")
        };
        if let [only] = tokens {
            if is_rule(only) {
                found.push((from, to));
            }
            return;
        }
        let comprehension = (first.is("[") || first.is("{"))
            && self.closing(from) == Some(to.saturating_sub(1))
            && self
                .outside(from + 1, to.saturating_sub(1))
                .iter()
                .any(|index| self.token(*index).is_some_and(|token| token.is("|")));
        if comprehension {
            return;
        }
        let reaches = tokens.windows(2).any(|pair| match pair {
            [name, next] => name.kind == Kind::Word && (next.is(".") || next.is("[") || next.is("(")) || is_rule(name),
            _ => false,
        });
        if reaches || tokens.last().is_some_and(is_rule) {
            found.push((from, to));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, wanted: &str) {
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").replace(" ;", ";");
        let found = squeezed(&rewrite(text).text).replace("signet_operand_", "o");
        assert_eq!(found, squeezed(wanted), "{text}");
    }

    #[test]
    fn operands_of_negations_stand_before_them() {
        check("a { not startswith(input.x, \"p\") }", "a { o1 := input.x; not startswith(o1, \"p\") }");
        check("a { not f(x[0][1], y) }", "a { o1 := x[0][1]; not f(o1, y) }");
        check("a { not s[input.nope] }", "a { o1 := input.nope; not s[o1] }");
        check("a { not input.x == input.y }", "a { not input.x == input.y }");
        check("a { not input.x != input.y }", "a { o1 := input.x; o2 := input.y; not o1 != o2 }");
        check("a { not f(input.x) = 1 }", "a { o1 := f(input.x); not o1 = 1 }");
        check("import input.user as u\na { not f(u) }", "import input.user as u a { o1 := u; not f(o1) }");
        check("import data.lib.names\na { not f(names) }", "import data.lib.names a { o1 := names; not f(o1) }");
        check("a { not input.x.y }", "a { not input.x.y }");
        check("a { not f(c) }", "a { not f(c) }");
        check("a { not f(b) }\nb = 1 { true }", "a { o1 := b; not f(o1) } b = 1 { true }");
        check(
            "a { not f(input.x) with input as {} }",
            "a { o1 := input.x with input as {}; not f(o1) with input as {} }",
        );
        check("a { not f(c).d }", "a { o1 := f(c); not o1.d }");
        check("a { not f(g(c)) == 1 }", "a { o1 := f(g(c)); not o1 == 1 }");
        check("a { not count([x | x := input.y[_]]) }", "a { not count([x | x := input.y[_]]) }");
        check("a { x := [y | y := z[_]; not f(y.w)] }", "a { x := [y | y := z[_]; o1 := y.w; not f(o1)] }");
        check("a if not f(input.x)\nb if c", "a if { o1 := input.x; not f(o1) } b if c");
        check("a { not c.d = input.x }", "a { not c.d = input.x }");
        check("a { not input.x in input.y }", "a { o1 := input.x; o2 := input.y; not o1 in o2 }");
        check("a { not\n f(input.x)\n b }", "a { o1 := input.x; not f(o1) b }");
        check("a { not f(\"input.x\") } # not f(input.x)", "a { not f(\"input.x\") } # not f(input.x)");
        check("a { x.not == f(input.x) }", "a { x.not == f(input.x) }");
        check(
            "a { not count([x | x := y[_]; not f(x.z)]) == 0 }",
            "a { o2 := count([x | x := y[_]; o1 := x.z; not f(o1)]); not o2 == 0 }",
        );
    }

    /// A negation that stays as it is written would be true where OPA's is undefined: nobody reads such a module.
    #[test]
    fn negations_that_are_not_rewritten_are_told() {
        let left = |text: &str| rewrite(text).left;
        assert_eq!(left("a { not f(input.x) }"), None);
        let deep = format!("a {{\n not {}f(input.x){} }}", "(".repeat(40), ")".repeat(40));
        assert_eq!(left(&deep), Some(2));
        let long = format!("a {{\n not f({}) }}", "input.x, ".repeat(1_000));
        assert_eq!(left(&long), Some(2));
        let many = "a { not f(input.x) }\n".repeat(5_001);
        assert_eq!(left(&many), Some(5_001));
        let nested = (0..12).fold("b".to_owned(), |inner, _| format!("count([x | not f({inner}.y)])"));
        assert_eq!(left(&format!("a {{ not f({nested}.y) }}")), Some(1));
    }

    #[test]
    fn names_are_found_as_words_and_as_texts() {
        assert!(mentions("a { input.review.userInfo.username }", "userInfo"));
        assert!(mentions("a { input.review[\"userInfo\"] }", "userInfo"));
        assert!(!mentions("# userInfo\na { input.review.user }", "userInfo"));
    }

    #[test]
    fn each_body_of_a_rule_is_a_rule() {
        check(
            "f(x) = y { y := x } { y := 1 } { y := 2 }",
            "f(x) = y { y := x } f(x) = y { y := 1 } f(x) = y { y := 2 }",
        );
        check("v[{\"msg\": m}] { m := 1 } { m := 2 }", "v[{\"msg\": m}] { m := 1 } v[{\"msg\": m}] { m := 2 }");
        check("a = {\"b\": 1} { c }", "a = {\"b\": 1} { c }");
        check("a = 1 { b } else = 2 { c }", "a = 1 { b } else = 2 { c }");
        check("a { b }\nc { d }", "a { b } c { d }");
    }

    #[test]
    fn a_bracket_begins_a_statement() {
        check("a { input.x\n(b - c) >= 1 }", "a { input.x; (b - c) >= 1 }");
        check("a { input.x\n[b, c] = f(d) }", "a { input.x; [b, c] = f(d) }");
        check("a { b :=\n (c) }", "a { b := (c) }");
        check("a { f(\n (c)) }", "a { f( (c)) }");
        check("a { not\n(c) }", "a { not (c) }");
        check("a = [\n[1],\n[2]]", "a = [ [1], [2]]");
    }

    proptest! {
        #[test]
        fn any_text_is_rewritten(text in "[ a-z0-9(){}\\[\\]|.,;:=<>\"`#_\n\\\\é-]{0,120}", words in "(not |f\\(|input\\.x|\\) |\\{|\\}|if |\n){0,30}") {
            for operand in rewrite(&format!("{text}{words}")).operands {
                prop_assert!(!operand.text.is_empty() && operand.line > 0);
            }
        }
    }
}
