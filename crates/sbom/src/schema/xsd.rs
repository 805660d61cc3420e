//! XML Schema, as far as the schemas of CycloneDX use it: sequences, choices, wildcards, simple types and uniqueness.
//!
//! Source: W3C XML Schema parts 1 and 2. A test holds that no embedded schema uses an element that is not interpreted here. Content models
//! are matched greedily, which is exact because a schema must be deterministic ("unique particle attribution").

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use super::formats;
use super::json::cut;
use super::pattern::Pattern;
use crate::lint::Problem;
use crate::xml::Element;

const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
const PROBLEMS: usize = 100;
/// Types inside each other while one text is judged; schemas have three.
const DEPTH: usize = 50;

/// A schema and what it imports.
pub(crate) struct Checker<'s> {
    files: Vec<&'s Element>,
    target: &'s str,
    patterns: RefCell<HashMap<&'s str, Option<Pattern>>>,
}

/// A type by name, or written where it is used.
#[derive(Clone, Copy)]
enum Type<'s> {
    Builtin(&'s str),
    Declared(&'s Element),
}

/// What may stand in a tag.
#[derive(Default)]
struct Attributes<'s> {
    declared: Vec<&'s Element>,
    /// `##any` or `##other`.
    wildcard: Option<&'s str>,
}

/// A place in the document as a linked list on the stack. Its number among elements of its name is counted only where it is told: counting it
/// for each of a hundred thousand components would take their square.
#[derive(Clone, Copy)]
enum Path<'p> {
    Root(&'p str),
    Child { outer: &'p Path<'p>, among: &'p [Element], place: usize },
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Path::Root(name) => f.write_str(name),
            Path::Child { outer, among, place } => {
                let name = among.get(*place).map(|child| child.name.as_str()).unwrap_or_default();
                match among.iter().take(*place).filter(|other| other.name == name).count() {
                    0 => write!(f, "{outer}.{name}"),
                    at => write!(f, "{outer}.{name}[{at}]"),
                }
            }
        }
    }
}

/// How far the children of an element could be matched, and what would have been there.
#[derive(Default)]
struct Reach {
    place: usize,
    expected: Vec<String>,
}

impl<'s> Checker<'s> {
    /// `files`: the schema first, then what it imports.
    pub(crate) fn new(files: Vec<&'s Element>) -> Checker<'s> {
        let target = files.first().and_then(|file| file.attribute("targetNamespace")).unwrap_or_default();
        Checker { files, target, patterns: RefCell::new(HashMap::new()) }
    }

    /// All problems of a document, at most a hundred.
    pub(crate) fn check(&self, root: &Element) -> Vec<Problem> {
        let mut problems = Vec::new();
        match self.global("element", &root.name).filter(|_| root.namespace == self.target) {
            Some(declaration) => {
                self.element(declaration, root, &Path::Root(&root.name), &mut problems);
                for unique in declaration.children.iter().filter(|child| child.name == "unique") {
                    unique_attribute(unique, root, &mut problems);
                }
            }
            None => problems.push(Problem {
                at: root.name.clone(),
                what: format!("the namespace `{}` has no document `{}` here", cut(&root.namespace), cut(&root.name)),
            }),
        }
        problems
    }

    /// A declaration at the top level, by kind and local name.
    fn global(&self, kind: &str, name: &str) -> Option<&'s Element> {
        let is = |child: &&Element| child.name == kind && child.attribute("name") == Some(name);
        self.files.iter().find_map(|file| file.children.iter().find(is))
    }

    fn named(&self, name: &'s str) -> Option<Type<'s>> {
        let (prefix, local) = name.split_once(':').unwrap_or(("", name));
        if matches!(prefix, "xs" | "xsd") {
            return Some(Type::Builtin(local));
        }
        // The imported list of licences has a name of its own, `licenseId`, which the schema uses for something else too.
        let files: Vec<&'s Element> = match prefix {
            "spdx" => self.files.iter().skip(1).copied().collect(),
            _ => self.files.clone(),
        };
        let is = |child: &&Element| {
            matches!(child.name.as_str(), "simpleType" | "complexType") && child.attribute("name") == Some(local)
        };
        files.iter().find_map(|file| file.children.iter().find(is)).map(Type::Declared)
    }

    /// The type of an element or attribute declaration. `None`: any content.
    fn type_of(&self, declaration: &'s Element) -> Option<Type<'s>> {
        match declaration.attribute("type") {
            Some(name) => self.named(name),
            None => declaration
                .children
                .iter()
                .find(|child| matches!(child.name.as_str(), "simpleType" | "complexType"))
                .map(Type::Declared),
        }
    }

    fn element(&self, declaration: &'s Element, node: &Element, path: &Path<'_>, problems: &mut Vec<Problem>) {
        if problems.len() >= PROBLEMS {
            return;
        }
        match self.type_of(declaration) {
            None => {}
            Some(Type::Declared(ty)) if ty.name == "complexType" => self.complex(ty, node, path, problems),
            Some(simple) => {
                for attribute in node.attributes.iter().filter(|attribute| attribute.namespace != INSTANCE) {
                    say(
                        problems,
                        path,
                        format!("has an attribute `{}` that the specification does not have", attribute.name),
                    );
                }
                self.text_only(simple, node, path, problems);
            }
        }
    }

    fn text_only(&self, ty: Type<'s>, node: &Element, path: &Path<'_>, problems: &mut Vec<Problem>) {
        if let Some(child) = node.children.first() {
            say(problems, path, format!("has an element `{}` inside and must be text", child.name));
        }
        if let Some(what) = self.simple(ty, &node.text, 0) {
            say(problems, path, what);
        }
    }

    fn complex(&self, ty: &'s Element, node: &Element, path: &Path<'_>, problems: &mut Vec<Problem>) {
        let mut attributes = Attributes::default();
        self.attributes(ty, &mut attributes, 0);
        self.tag(&attributes, node, path, problems);
        if let Some(content) = ty.children.iter().find(|child| child.name == "simpleContent") {
            let extension = content.children.iter().find(|child| child.name == "extension");
            let base = extension.and_then(|extension| self.base(extension, 0));
            if let Some(base) = base {
                self.text_only(base, node, path, problems);
            }
            return;
        }
        if ty.attribute("mixed") != Some("true") && !node.text.trim().is_empty() {
            say(problems, path, format!("has text, `{}`, and must have elements only", cut(node.text.trim())));
        }
        let model = ty.children.iter().find(|child| matches!(child.name.as_str(), "sequence" | "choice"));
        let mut reach = Reach::default();
        let end = match model {
            Some(model) => self.repeated(model, &node.children, 0, path, &mut reach, problems),
            None => Some(0),
        };
        if end != Some(node.children.len()) {
            let expected = match reach.expected.as_slice() {
                [] => String::new(),
                names => format!("; expected {}", names.join(", ")),
            };
            let what = match node.children.get(reach.place.max(end.unwrap_or(0))) {
                Some(child) => format!("`{}` is not allowed here{expected}", cut(&child.name)),
                None => format!("something is missing{expected}"),
            };
            say(problems, path, what);
        }
    }

    /// The simple type below extensions of simple content.
    fn base(&self, extension: &'s Element, depth: usize) -> Option<Type<'s>> {
        match self.named(extension.attribute("base")?)? {
            Type::Declared(ty) if ty.name == "complexType" && depth < DEPTH => {
                let content = ty.children.iter().find(|child| child.name == "simpleContent")?;
                self.base(content.children.iter().find(|child| child.name == "extension")?, depth + 1)
            }
            other => Some(other),
        }
    }

    /// Collects attributes of a type, its groups and what it extends.
    fn attributes(&self, holder: &'s Element, found: &mut Attributes<'s>, depth: usize) {
        if depth > DEPTH {
            return;
        }
        for child in &holder.children {
            match child.name.as_str() {
                "attribute" => found.declared.push(child),
                "anyAttribute" => found.wildcard = Some(child.attribute("namespace").unwrap_or("##any")),
                "attributeGroup" => {
                    let name = child.attribute("ref").map(|name| name.rsplit(':').next().unwrap_or(name));
                    if let Some(group) = name.and_then(|name| self.global("attributeGroup", name)) {
                        self.attributes(group, found, depth + 1);
                    }
                }
                "simpleContent" | "extension" => {
                    if let Some(Type::Declared(base)) = child.attribute("base").and_then(|name| self.named(name)) {
                        self.attributes(base, found, depth + 1);
                    }
                    self.attributes(child, found, depth + 1);
                }
                _ => {}
            }
        }
    }

    fn tag(&self, attributes: &Attributes<'s>, node: &Element, path: &Path<'_>, problems: &mut Vec<Problem>) {
        for declaration in &attributes.declared {
            let name = declaration.attribute("name").unwrap_or_default();
            match node.attribute(name) {
                Some(value) => {
                    if let Some(what) = self.type_of(declaration).and_then(|ty| self.simple(ty, value, 0)) {
                        say(problems, path, format!("`{name}` {what}"));
                    }
                }
                None if declaration.attribute("use") == Some("required") => {
                    say(problems, path, format!("lacks the attribute `{name}`, which is required"));
                }
                None => {}
            }
        }
        for attribute in node.attributes.iter().filter(|attribute| attribute.namespace != INSTANCE) {
            let declared = attribute.namespace.is_empty()
                && attributes.declared.iter().any(|known| known.attribute("name") == Some(&attribute.name));
            let allowed = match attributes.wildcard {
                Some("##any") => true,
                Some("##other") => !attribute.namespace.is_empty() && attribute.namespace != self.target,
                _ => false,
            };
            if !declared && !allowed {
                say(
                    problems,
                    path,
                    format!("has an attribute `{}` that the specification does not have", cut(&attribute.name)),
                );
            }
        }
    }

    /// Matches a particle as often as it may stand. `None`: not often enough.
    fn repeated(
        &self,
        particle: &'s Element,
        children: &[Element],
        start: usize,
        path: &Path<'_>,
        reach: &mut Reach,
        problems: &mut Vec<Problem>,
    ) -> Option<usize> {
        let least: usize = particle.attribute("minOccurs").map_or(1, |least| least.parse().unwrap_or(1));
        let most: usize = match particle.attribute("maxOccurs") {
            None => 1,
            Some("unbounded") => usize::MAX,
            Some(most) => most.parse().unwrap_or(1),
        };
        let (mut place, mut count) = (start, 0usize);
        while count < most {
            match self.once(particle, children, place, path, reach, problems) {
                // Nothing was needed: it can be there as often as wanted.
                Some(next) if next == place => return Some(place),
                Some(next) => {
                    place = next;
                    count += 1;
                }
                None => break,
            }
        }
        (count >= least).then_some(place)
    }

    fn once(
        &self,
        particle: &'s Element,
        children: &[Element],
        place: usize,
        path: &Path<'_>,
        reach: &mut Reach,
        problems: &mut Vec<Problem>,
    ) -> Option<usize> {
        match particle.name.as_str() {
            "element" => {
                let declaration = match particle.attribute("ref") {
                    Some(name) => self.global("element", name.rsplit(':').next().unwrap_or(name))?,
                    None => particle,
                };
                let name = declaration.attribute("name").unwrap_or_default();
                match children.get(place) {
                    Some(child) if child.name == name && child.namespace == self.target => {
                        let inside = Path::Child { outer: path, among: children, place };
                        self.element(declaration, child, &inside, problems);
                        if place + 1 > reach.place {
                            *reach = Reach { place: place + 1, expected: Vec::new() };
                        }
                        Some(place + 1)
                    }
                    _ => {
                        if place == reach.place && reach.expected.len() < 8 {
                            reach.expected.push(format!("`{name}`"));
                        }
                        None
                    }
                }
            }
            "any" => {
                let child = children.get(place)?;
                let fits = match particle.attribute("namespace") {
                    Some("##other") => !child.namespace.is_empty() && child.namespace != self.target,
                    _ => true,
                };
                if fits && place + 1 > reach.place {
                    *reach = Reach { place: place + 1, expected: Vec::new() };
                }
                fits.then_some(place + 1)
            }
            "sequence" => {
                let mut at = place;
                for part in &particle.children {
                    at = self.repeated(part, children, at, path, reach, problems)?;
                }
                Some(at)
            }
            "choice" => {
                let mut nothing = false;
                for part in &particle.children {
                    let mut own = Vec::new();
                    match self.repeated(part, children, place, path, reach, &mut own) {
                        Some(next) if next > place => {
                            problems.extend(own.into_iter().take(PROBLEMS.saturating_sub(problems.len())));
                            return Some(next);
                        }
                        Some(_) => nothing = true,
                        None => {}
                    }
                }
                nothing.then_some(place)
            }
            _ => None,
        }
    }

    /// What is wrong with a text of a simple type.
    fn simple(&self, ty: Type<'s>, text: &str, depth: usize) -> Option<String> {
        let ty = match ty {
            Type::Builtin(name) => {
                return (!formats::is_xsd(name, text)).then(|| format!("`{}` is no {name}", cut(text)));
            }
            Type::Declared(_) if depth > DEPTH => return None,
            Type::Declared(ty) => ty,
        };
        if let Some(union) = ty.children.iter().find(|child| child.name == "union") {
            let named = union.attribute("memberTypes").unwrap_or_default().split_whitespace();
            let members = named.filter_map(|name| self.named(name)).chain(union.children.iter().map(Type::Declared));
            let mut first = None;
            for member in members {
                let what = self.simple(member, text, depth + 1)?;
                first.get_or_insert(what);
            }
            return first;
        }
        let restriction = ty.children.iter().find(|child| child.name == "restriction")?;
        let base = restriction
            .attribute("base")
            .and_then(|name| self.named(name))
            .or_else(|| restriction.children.iter().find(|child| child.name == "simpleType").map(Type::Declared));
        if let Some(what) = base.and_then(|base| self.simple(base, text, depth + 1)) {
            return Some(what);
        }
        let text = normalised(self.primitive(base, 0), text);
        let text = text.as_str();
        let facets = |name: &'static str| {
            restriction
                .children
                .iter()
                .filter(move |facet| facet.name == name)
                .filter_map(|facet| facet.attribute("value"))
        };
        let mut allowed = facets("enumeration").peekable();
        if allowed.peek().is_some() && !facets("enumeration").any(|value| value == text) {
            return Some(format!("`{}` is none of the allowed values", cut(text)));
        }
        let mut patterns = facets("pattern").peekable();
        if patterns.peek().is_some() && !facets("pattern").any(|pattern| self.matches(pattern, text)) {
            return Some(format!("`{}` does not have the form that is demanded", cut(text)));
        }
        let length = text.chars().count() as f64;
        let number = text.trim().parse::<f64>().unwrap_or(f64::NAN);
        for (name, value) in
            [("minLength", length), ("maxLength", -length), ("minInclusive", number), ("maxInclusive", -number)]
        {
            let sign = if name.starts_with("max") { -1.0 } else { 1.0 };
            if facets(name).filter_map(|bound| bound.parse::<f64>().ok()).any(|bound| value < bound * sign) {
                return Some(format!("`{}` is out of range", cut(text)));
            }
        }
        None
    }

    fn primitive(&self, ty: Option<Type<'s>>, depth: usize) -> &'s str {
        match ty {
            Some(Type::Builtin(name)) => name,
            Some(Type::Declared(ty)) if depth < DEPTH => {
                let restriction = ty.children.iter().find(|child| child.name == "restriction");
                let base = restriction.and_then(|restriction| restriction.attribute("base"));
                self.primitive(base.and_then(|name| self.named(name)), depth + 1)
            }
            _ => "string",
        }
    }

    fn matches(&self, pattern: &'s str, text: &str) -> bool {
        let mut patterns = self.patterns.borrow_mut();
        let compiled = patterns.entry(pattern).or_insert_with(|| Pattern::xsd(pattern));
        compiled.as_ref().is_some_and(|pattern| pattern.is_match(text))
    }
}

/// White space as the type wants it. Source: XML Schema part 2, section 4.3.6.
fn normalised(primitive: &str, text: &str) -> String {
    match primitive {
        "string" => text.to_owned(),
        "normalizedString" => text.replace(['\t', '\n', '\r'], " "),
        _ => text.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

fn say(problems: &mut Vec<Problem>, path: &impl ToString, what: String) {
    if problems.len() < PROBLEMS {
        problems.push(Problem { at: path.to_string(), what });
    }
}

/// `xs:unique` with the selector `.//*` and one attribute as its field, the only form that the schemas use.
fn unique_attribute(unique: &Element, root: &Element, problems: &mut Vec<Problem>) {
    let field =
        unique.child("field").and_then(|field| field.attribute("xpath")).and_then(|path| path.strip_prefix('@'));
    let Some(field) = field else { return };
    let mut known = HashSet::new();
    let mut open: Vec<&Element> = root.children.iter().rev().collect();
    while let Some(element) = open.pop() {
        if let Some(value) = element.attribute(field)
            && !known.insert(value)
        {
            say(problems, &element.name, format!("`{field}` is `{}`, which another element has already", cut(value)));
        }
        open.extend(element.children.iter().rev());
    }
}
