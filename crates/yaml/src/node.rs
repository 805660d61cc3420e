//! The tree: documents, nodes, and where they stand.

/// A stretch of the text. Lines and columns count from 1, columns in characters; offsets count bytes from 0. The end is exclusive.
///
/// A quoted scalar's span includes its quotes. A block scalar's begins at its first line of text, not at its `|` or `>`. A block collection
/// ends where its last entry ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First line.
    pub line: u32,
    /// First column.
    pub column: u32,
    /// Line of the end.
    pub end_line: u32,
    /// Column behind the last character.
    pub end_column: u32,
    /// First byte.
    pub offset: u32,
    /// Byte behind the last.
    pub end_offset: u32,
}

impl Span {
    /// The text at this place, out of the text that was parsed.
    pub fn slice<'t>(&self, text: &'t str) -> Option<&'t str> {
        text.get(self.offset as usize..self.end_offset as usize)
    }
}

/// One document of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Place in the stream, counted from 0, empty documents included.
    pub index: usize,
    /// What it holds; [`Value::Null`] for an empty document.
    pub root: Node,
}

/// How a node was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Style {
    /// A scalar without quotes.
    Plain,
    /// `'...'`
    SingleQuoted,
    /// `"..."`
    DoubleQuoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
    /// A collection by indentation.
    Block,
    /// A collection in brackets.
    Flow,
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it stands. What came through an alias stands where its anchor is.
    pub span: Span,
    /// How it was written.
    pub style: Style,
    /// The tag, if one was written: `!Ref`, or `!!binary` in its short form.
    pub tag: Option<Box<str>>,
    /// The characters of a plain scalar that is no string: `1.10`, `0644`, `on`.
    pub(crate) raw: Option<Box<str>>,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`, `~`, or nothing at all.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer above `i64::MAX`.
    UInt(u64),
    /// Any other number. Integers of more than 64 bits are among them; [`Node::text`] has their digits.
    Float(f64),
    /// A text.
    String(String),
    /// What `!!binary` held, decoded.
    Binary(Vec<u8>),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values in the order of the text. Keys are scalars and all different; merged entries (`<<`) stand behind the own ones.
    Mapping(Vec<(Node, Node)>),
}

impl Value {
    /// The kind, for messages: "a string", "a list".
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::UInt(_) => "an integer",
            Value::Float(_) => "a number",
            Value::String(_) => "a string",
            Value::Binary(_) => "binary data",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }
}

impl Node {
    /// The value of a key. Keys are compared by their text as written, so `get("on")` finds `on:` although it is a boolean.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, value)| value)
    }

    /// Where the key itself stands.
    pub fn key_span(&self, key: &str) -> Option<Span> {
        self.entry(key).map(|(key, _)| key.span)
    }

    /// Key and value.
    pub fn entry(&self, key: &str) -> Option<(&Node, &Node)> {
        let entries = self.as_map()?;
        entries.iter().find(|(name, _)| name.text() == Some(key)).map(|(key, value)| (key, value))
    }

    /// The value at the end of a route of keys. A part that is a number also indexes a list.
    pub fn path(&self, route: &[&str]) -> Option<&Node> {
        route.iter().try_fold(self, |node, part| match &node.value {
            Value::Sequence(items) => items.get(part.parse::<usize>().ok()?),
            _ => node.get(part),
        })
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The characters of a scalar: a string's content, or what was written for any other plain scalar (`1.10` stays `1.10`).
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => self.raw.as_deref(),
        }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The integer, if it is one that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self.value {
            Value::Int(value) => Some(value),
            _ => None,
        }
    }

    /// The number, integers included (rounded beyond 2^53).
    pub fn as_f64(&self) -> Option<f64> {
        match self.value {
            Value::Int(value) => Some(value as f64),
            Value::UInt(value) => Some(value as f64),
            Value::Float(value) => Some(value),
            _ => None,
        }
    }

    /// The list, if it is one.
    pub fn as_seq(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The entries, if it is a mapping.
    pub fn as_map(&self) -> Option<&[(Node, Node)]> {
        match &self.value {
            Value::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// Whether nothing stands there.
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }
}
