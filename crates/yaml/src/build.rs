//! Events become a tree. An explicit stack, no recursion: the depth of the input is data, not our stack.

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Marker, Parser, ScalarStyle, Span as EventSpan, StructureStyle, Tag};

use crate::json::key_name;
use crate::{Document, Limits, Node, Span, Style, Value, YamlError, scalar};

/// What a node costs when it is copied, besides its text. Roughly its size in memory.
const NODE_COST: usize = 64;
const YAML_TAGS: &str = "tag:yaml.org,2002:";

/// Reads a stream of documents from bytes: UTF-8, with or without its byte order mark.
///
/// Errors: as [`parse`]; UTF-16 and UTF-32 are named and refused (no tool of our field writes them, and guessing would move every position).
pub fn parse_bytes(bytes: &[u8], limits: &Limits) -> Result<Vec<Document>, YamlError> {
    let at_start = |message: &str| YamlError { line: 1, column: 1, message: message.to_owned(), too_large: false };
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] => {
            return Err(at_start("the text is UTF-16 or UTF-32; write it as UTF-8"));
        }
        _ => {}
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(text, limits),
        Err(err) => {
            let good = bytes.get(..err.valid_up_to()).unwrap_or_default();
            let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
            let column =
                1 + good.iter().rev().take_while(|byte| **byte != b'\n').filter(|byte| **byte & 0xc0 != 0x80).count();
            Err(YamlError {
                line: narrow(line),
                column: narrow(column),
                message: format!("the text is not UTF-8 at byte {}", err.valid_up_to()),
                too_large: false,
            })
        }
    }
}

/// Reads a stream of documents. JSON is YAML.
///
/// Scalars mean what they mean to `kubectl`; a duplicate key, a key that is a collection and an unknown alias are errors. Merge keys (`<<`)
/// are applied: a mapping's own entries win, then the earlier of several merged ones (YAML merge key specification).
/// Errors: the first one, with its place; nothing is returned beside it.
pub fn parse(text: &str, limits: &Limits) -> Result<Vec<Document>, YamlError> {
    if text.len() > limits.max_bytes || u32::try_from(text.len()).is_err() {
        return Err(YamlError {
            line: 1,
            column: 1,
            message: format!("the text has {} bytes, more than the {} that are read", text.len(), limits.max_bytes),
            too_large: true,
        });
    }
    let depth = limits.max_depth.min(Limits::DEPTH_CEILING);
    let options = granit_parser::options! {
        // One more than ours, so that our own check speaks first.
        flow_nesting_limit: depth + 1,
        block_nesting_limit: depth + 1,
        // 1024 by the YAML specification; JSON has no such bound, and its keys (paths, annotations) can be longer.
        simple_key_max_lookahead: 64 << 10,
    };
    let mut builder = Builder {
        limits,
        depth,
        documents: Vec::new(),
        stack: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        copied: 0,
    };
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|err| YamlError {
            line: narrow(err.marker().line().max(1)),
            column: narrow(err.marker().col() + 1),
            message: err.info(),
            too_large: false,
        })?;
        builder.event(event, span)?;
    }
    Ok(builder.documents)
}

struct Builder<'l> {
    limits: &'l Limits,
    depth: usize,
    documents: Vec<Document>,
    /// Collections that are open, outermost first.
    stack: Vec<Open>,
    /// Finished anchored nodes and what a copy of each costs: nodes, bytes.
    anchors: HashMap<usize, (Node, Cost)>,
    nodes: usize,
    copied: usize,
}

#[derive(Clone, Copy)]
struct Cost {
    nodes: usize,
    bytes: usize,
}

struct Open {
    anchor: usize,
    node: Node,
    cost: Cost,
    /// A mapping's key that waits for its value.
    key: Option<Node>,
    names: HashSet<String>,
    merges: Vec<Node>,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, at: EventSpan) -> Result<(), YamlError> {
        match event {
            Event::DocumentStart(..) => {
                if self.documents.len() >= self.limits.max_documents {
                    return Err(too_large(at.start, format!("more than {} documents", self.limits.max_documents)));
                }
                self.anchors.clear();
                let root = plain_null(place(at));
                self.documents.push(Document { index: self.documents.len(), root });
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let node = scalar_node(&text, style, tag.as_deref(), at)?;
                self.leaf(node, anchor, at)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.open(Value::Sequence(Vec::new()), style, anchor, tag.as_deref(), at)
            }
            Event::MappingStart(style, anchor, tag) => {
                self.open(Value::Mapping(Vec::new()), style, anchor, tag.as_deref(), at)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(at),
            Event::Alias(id) => {
                let Some((node, cost)) = self.anchors.get(&id) else {
                    return Err(error(at.start, "the alias stands inside the node that it names".to_owned()));
                };
                let (node, cost) = (node.clone(), *cost);
                self.copy(cost, at)?;
                self.place(node, cost, at)
            }
            _ => Ok(()),
        }
    }

    fn leaf(&mut self, node: Node, anchor: usize, at: EventSpan) -> Result<(), YamlError> {
        self.count(1, at)?;
        let cost = Cost { nodes: 1, bytes: NODE_COST + text_bytes(&node) };
        self.remember(anchor, &node, cost, at)?;
        self.place(node, cost, at)
    }

    fn open(
        &mut self,
        value: Value,
        style: StructureStyle,
        anchor: usize,
        tag: Option<&Tag>,
        at: EventSpan,
    ) -> Result<(), YamlError> {
        self.count(1, at)?;
        if self.stack.len() >= self.depth {
            return Err(too_large(at.start, format!("more than {} collections inside each other", self.depth)));
        }
        let style = match style {
            StructureStyle::Flow => Style::Flow,
            StructureStyle::Block => Style::Block,
        };
        let tag = tag.map(tag_name);
        if let Some(name @ ("!!str" | "!!int" | "!!bool" | "!!float" | "!!null" | "!!binary")) = tag.as_deref() {
            return Err(error(at.start, format!("`{name}` stands before a collection")));
        }
        self.stack.push(Open {
            anchor,
            node: Node { value, span: place(at), style, tag, raw: None },
            cost: Cost { nodes: 1, bytes: NODE_COST },
            key: None,
            names: HashSet::new(),
            merges: Vec::new(),
        });
        Ok(())
    }

    fn close(&mut self, at: EventSpan) -> Result<(), YamlError> {
        let Some(mut open) = self.stack.pop() else { return Ok(()) };
        Self::merge(&mut open)?;
        // A block collection has no closing sign: its end event stands behind blank lines and comments.
        let end = match (&open.node.value, open.node.style) {
            (_, Style::Flow) => Some(place(at)),
            (Value::Sequence(items), _) => items.last().map(|item| item.span),
            (Value::Mapping(entries), _) => {
                entries.iter().map(|(_, value)| value.span).max_by_key(|span| span.end_offset)
            }
            _ => None,
        };
        if let Some(end) = end.filter(|end| end.end_offset >= open.node.span.offset) {
            let span = &mut open.node.span;
            (span.end_line, span.end_column, span.end_offset) = (end.end_line, end.end_column, end.end_offset);
        }
        self.remember(open.anchor, &open.node, open.cost, at)?;
        self.place(open.node, open.cost, at)
    }

    /// Puts a finished node where it belongs: the document, the list, or the mapping as key or value.
    fn place(&mut self, node: Node, cost: Cost, at: EventSpan) -> Result<(), YamlError> {
        let Some(parent) = self.stack.last_mut() else {
            if let Some(document) = self.documents.last_mut() {
                document.root = node;
            }
            return Ok(());
        };
        parent.cost.nodes = parent.cost.nodes.saturating_add(cost.nodes);
        parent.cost.bytes = parent.cost.bytes.saturating_add(cost.bytes);
        match &mut parent.node.value {
            Value::Sequence(items) => items.push(node),
            Value::Mapping(entries) => match parent.key.take() {
                None => {
                    if matches!(node.value, Value::Sequence(_) | Value::Mapping(_)) {
                        let message =
                            "a mapping's key is a collection; if this is a template (`{{ ... }}`), render it first";
                        return Err(error(at.start, message.to_owned()));
                    }
                    parent.key = Some(node);
                }
                Some(key) if is_merge(&key) => parent.merges.push(node),
                Some(key) => {
                    let name = key_name(&key);
                    if parent.names.contains(&name) {
                        let first =
                            entries.iter().find(|(other, _)| key_name(other) == name).map(|(other, _)| other.span.line);
                        return Err(YamlError {
                            line: key.span.line,
                            column: key.span.column,
                            message: format!(
                                "the key `{name}` stands here for the second time; first in line {}",
                                first.unwrap_or(0)
                            ),
                            too_large: false,
                        });
                    }
                    parent.names.insert(name);
                    entries.push((key, node));
                }
            },
            _ => {}
        }
        Ok(())
    }

    /// Applies the merge keys of a mapping that is complete.
    fn merge(open: &mut Open) -> Result<(), YamlError> {
        let Value::Mapping(entries) = &mut open.node.value else { return Ok(()) };
        for source in std::mem::take(&mut open.merges) {
            let span = source.span;
            let sources = match source.value {
                Value::Sequence(items) => items,
                _ => vec![source],
            };
            for source in sources {
                let Value::Mapping(merged) = source.value else {
                    return Err(YamlError {
                        line: span.line,
                        column: span.column,
                        message: "`<<` takes a mapping or a list of mappings".to_owned(),
                        too_large: false,
                    });
                };
                for (key, value) in merged {
                    if open.names.insert(key_name(&key)) {
                        entries.push((key, value));
                    }
                }
            }
        }
        Ok(())
    }

    fn remember(&mut self, anchor: usize, node: &Node, cost: Cost, at: EventSpan) -> Result<(), YamlError> {
        if anchor != 0 {
            self.copy(cost, at)?;
            self.anchors.insert(anchor, (node.clone(), cost));
        }
        Ok(())
    }

    fn copy(&mut self, cost: Cost, at: EventSpan) -> Result<(), YamlError> {
        self.count(cost.nodes, at)?;
        self.copied = self.copied.saturating_add(cost.bytes);
        if self.copied > self.limits.max_copied_bytes {
            let most = self.limits.max_copied_bytes;
            return Err(too_large(at.start, format!("anchors and aliases add up to more than {most} bytes")));
        }
        Ok(())
    }

    fn count(&mut self, nodes: usize, at: EventSpan) -> Result<(), YamlError> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > self.limits.max_nodes {
            return Err(too_large(at.start, format!("more than {} nodes", self.limits.max_nodes)));
        }
        Ok(())
    }
}

fn scalar_node(text: &str, style: ScalarStyle, tag: Option<&Tag>, at: EventSpan) -> Result<Node, YamlError> {
    let style = match style {
        ScalarStyle::SingleQuoted => Style::SingleQuoted,
        ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
        _ => Style::Plain,
    };
    let tag = tag.map(tag_name);
    // The parser writes `~` for a scalar of which there is nothing in the text.
    let text = if style == Style::Plain && at.start.byte_offset() == at.end.byte_offset() { "" } else { text };
    let value = match tag.as_deref() {
        None if style == Style::Plain => scalar::resolve(text),
        None => Value::String(text.to_owned()),
        Some(name) => match name.strip_prefix("!!") {
            Some(own) => scalar::resolve_tagged(own, text).map_err(|message| error(at.start, message))?,
            // `!` alone, and every tag of an application (`!Ref`): the text as it is.
            None => Value::String(text.to_owned()),
        },
    };
    let raw = (style == Style::Plain && !matches!(value, Value::String(_) | Value::Binary(_))).then(|| text.into());
    Ok(Node { value, span: place(at), style, tag, raw })
}

/// `!!name` for YAML's own tags, however they were written; else as written.
fn tag_name(tag: &Tag) -> Box<str> {
    match tag.suffix_in_namespace(YAML_TAGS) {
        Some(name) => format!("!!{name}").into(),
        None => tag.original().into(),
    }
}

fn is_merge(key: &Node) -> bool {
    key.style == Style::Plain && key.tag.is_none() && key.as_str() == Some("<<")
}

fn text_bytes(node: &Node) -> usize {
    let value = match &node.value {
        Value::String(text) => text.len(),
        Value::Binary(bytes) => bytes.len(),
        _ => 0,
    };
    value + node.raw.as_deref().map_or(0, str::len) + node.tag.as_deref().map_or(0, str::len)
}

fn plain_null(span: Span) -> Node {
    Node { value: Value::Null, span, style: Style::Plain, tag: None, raw: None }
}

fn place(at: EventSpan) -> Span {
    let (offset, end_offset) = (at.start.byte_offset().unwrap_or(0), at.end.byte_offset().unwrap_or(0));
    Span {
        line: narrow(at.start.line()),
        column: narrow(at.start.col() + 1),
        end_line: narrow(at.end.line()),
        end_column: narrow(at.end.col() + 1),
        offset: narrow(offset),
        end_offset: narrow(end_offset.max(offset)),
    }
}

fn error(at: Marker, message: String) -> YamlError {
    YamlError { line: narrow(at.line()), column: narrow(at.col() + 1), message, too_large: false }
}

fn too_large(at: Marker, message: String) -> YamlError {
    YamlError { too_large: true, ..error(at, message) }
}

/// Positions fit because the input is below 4 GiB.
fn narrow(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
