//! A `pom.xml` as it is written: nothing inherited, nothing interpolated.

use std::fmt::Write as _;

use signet_model::UnexaminedKind;

use super::super::xml::{self, Refusal, Step};

/// What one project file states. Texts may hold variables (`${api.version}`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Model {
    /// Own coordinates; group and version may come from the parent.
    pub(crate) group: String,
    pub(crate) artifact: String,
    pub(crate) version: String,
    pub(crate) description: String,
    pub(crate) parent: Option<Parent>,
    /// In order; of several with one name the last one counts.
    pub(crate) properties: Vec<(String, String)>,
    pub(crate) licenses: Vec<String>,
    /// Directories or project files of the modules.
    pub(crate) modules: Vec<String>,
    /// `dependencyManagement`: versions for whoever needs them.
    pub(crate) managed: Vec<Dependency>,
    pub(crate) dependencies: Vec<Dependency>,
}

/// The project that one inherits from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) group: String,
    pub(crate) artifact: String,
    pub(crate) version: String,
    /// Where it lies; empty when it is not to be looked for in the tree.
    pub(crate) path: String,
    pub(crate) lines: (u32, u32),
}

/// One need, or one managed version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) group: String,
    pub(crate) artifact: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) classifier: String,
    pub(crate) scope: String,
    pub(crate) optional: String,
    /// Group and artifact; `*` is any.
    pub(crate) exclusions: Vec<(String, String)>,
    pub(crate) lines: (u32, u32),
}

/// Entries of one file; a large aggregate has some thousands.
const ENTRIES: usize = 100_000;

/// What is gathered while one `profile` is read.
#[derive(Default)]
struct Profile {
    active: bool,
    /// The name of the property whose absence switches it on.
    model: Model,
}

/// Reads a project file.
///
/// Shape: `project` with coordinates, `parent`, `properties`, `dependencyManagement`, `dependencies`, `modules`, `licenses`, `profiles`.
/// A profile is joined into the project when a plain build switches it on: `activeByDefault`, or a property that must be absent (`!name`).
/// Errors: no XML, another root than `project`, more than 100,000 entries.
/// Source: maven.apache.org/ref/current/maven-model/maven.html; maven.apache.org/guides/introduction/introduction-to-profiles.html.
pub(crate) fn parse(bytes: &[u8]) -> Result<Model, Refusal> {
    let mut model = Model::default();
    let mut profile: Option<Profile> = None;
    let mut dependency = Dependency::default();
    let mut exclusion = (String::new(), String::new());
    let mut entries = 0usize;
    let mut root = String::new();
    xml::walk(bytes, |step| match step {
        Step::Open(path, _, _) => match path {
            [name] => root = (*name).to_owned(),
            ["project", "parent"] => {
                model.parent = Some(Parent { path: "../pom.xml".to_owned(), ..Parent::default() });
            }
            ["project", "profiles", "profile"] => profile = Some(Profile::default()),
            [.., "dependencies", "dependency"] => dependency = Dependency::default(),
            [.., "exclusions", "exclusion"] => exclusion = Default::default(),
            _ => {}
        },
        Step::Close(path, text, lines) => {
            let value = || text.to_owned();
            let (inside, into) = match (path, &mut profile) {
                (["project", "profiles", "profile", inside @ ..], Some(profile)) => {
                    match inside {
                        ["activation", "activeByDefault"] => profile.active |= text == "true",
                        ["activation", "property", "name"] => profile.active |= text.starts_with('!'),
                        _ => {}
                    }
                    (inside, &mut profile.model)
                }
                (["project", inside @ ..], _) => (inside, &mut model),
                _ => return,
            };
            match inside {
                ["groupId"] => into.group = value(),
                ["artifactId"] => into.artifact = value(),
                ["version"] => into.version = value(),
                ["description"] => into.description = text.split_whitespace().collect::<Vec<_>>().join(" "),
                ["parent", field] => {
                    let Some(parent) = &mut into.parent else { return };
                    match *field {
                        "groupId" => parent.group = value(),
                        "artifactId" => parent.artifact = value(),
                        "version" => parent.version = value(),
                        "relativePath" => parent.path = value(),
                        _ => {}
                    }
                }
                ["parent"] => {
                    if let Some(parent) = &mut into.parent {
                        parent.lines = lines;
                    }
                }
                ["properties", name] if entries < ENTRIES => {
                    entries += 1;
                    into.properties.push(((*name).to_owned(), value()));
                }
                ["licenses", "license", "name"] if !text.is_empty() && entries < ENTRIES => {
                    entries += 1;
                    into.licenses.push(text.split_whitespace().collect::<Vec<_>>().join(" "));
                }
                ["modules", "module"] | ["subprojects", "subproject"] if !text.is_empty() && entries < ENTRIES => {
                    entries += 1;
                    into.modules.push(value());
                }
                ["dependencies", "dependency", field @ ..]
                | ["dependencyManagement", "dependencies", "dependency", field @ ..] => match field {
                    ["groupId"] => dependency.group = value(),
                    ["artifactId"] => dependency.artifact = value(),
                    ["version"] => dependency.version = value(),
                    ["type"] => dependency.kind = value(),
                    ["classifier"] => dependency.classifier = value(),
                    ["scope"] => dependency.scope = value(),
                    ["optional"] => dependency.optional = value(),
                    ["exclusions", "exclusion", "groupId"] => exclusion.0 = value(),
                    ["exclusions", "exclusion", "artifactId"] => exclusion.1 = value(),
                    ["exclusions", "exclusion"] if entries < ENTRIES => {
                        entries += 1;
                        dependency.exclusions.push(std::mem::take(&mut exclusion));
                    }
                    [] if entries < ENTRIES => {
                        entries += 1;
                        let done = Dependency { lines, ..std::mem::take(&mut dependency) };
                        match inside.first() {
                            Some(&"dependencies") => into.dependencies.push(done),
                            _ => into.managed.push(done),
                        }
                    }
                    _ => {}
                },
                [] => {
                    if let Some(done) = profile.take_if(|_| path.len() == 3) {
                        join(&mut model, done);
                    }
                }
                _ => {}
            }
        }
    })?;
    if root != "project" {
        return Err((UnexaminedKind::Malformed, "no Maven project: the root element is not `project`".to_owned()));
    }
    if entries >= ENTRIES {
        return Err((UnexaminedKind::TooLarge, format!("more than {ENTRIES} entries")));
    }
    Ok(model)
}

fn join(model: &mut Model, profile: Profile) {
    if profile.active {
        model.properties.extend(profile.model.properties);
        model.modules.extend(profile.model.modules);
        model.managed.extend(profile.model.managed);
        model.dependencies.extend(profile.model.dependencies);
    }
}

/// Separates fields of a line of [`Model::to_lines`]; it cannot stand in XML 1.0.
const FIELD: char = '\u{1f}';

impl Model {
    /// One line per fact, for the record of the layer. [`Model::of_lines`] reads it back.
    pub(crate) fn to_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = |mark: char, fields: &[&str]| {
            let mut text = mark.to_string();
            for field in fields {
                text.push(FIELD);
                text.extend(field.chars().map(|c| if c.is_control() { ' ' } else { c }));
            }
            lines.push(text);
        };
        line('o', &[&self.group, &self.artifact, &self.version, &self.description]);
        if let Some(Parent { group, artifact, version, path, lines }) = &self.parent {
            line('p', &[group, artifact, version, path, &span(*lines)]);
        }
        self.properties.iter().for_each(|(name, value)| line('v', &[name, value]));
        self.licenses.iter().for_each(|license| line('l', &[license]));
        self.modules.iter().for_each(|module| line('m', &[module]));
        for (mark, list) in [('g', &self.managed), ('d', &self.dependencies)] {
            for need in list {
                let (lines, mut exclusions) = (span(need.lines), String::new());
                for (group, artifact) in &need.exclusions {
                    let _ = write!(exclusions, "{group}:{artifact} ");
                }
                let Dependency { group, artifact, version, kind, classifier, scope, optional, .. } = need;
                line(mark, &[group, artifact, version, kind, classifier, scope, optional, &exclusions, &lines]);
            }
        }
        lines
    }

    /// Reads what [`Model::to_lines`] wrote. Lines that are not of that form are passed over.
    pub(crate) fn of_lines(lines: &[String]) -> Model {
        let mut model = Model::default();
        for line in lines {
            let mut fields = line.split(FIELD);
            let mark = fields.next().unwrap_or_default();
            let mut next = || fields.next().unwrap_or_default().to_owned();
            match mark {
                "o" => {
                    (model.group, model.artifact, model.version, model.description) = (next(), next(), next(), next())
                }
                "p" => {
                    let (group, artifact, version, path, lines) = (next(), next(), next(), next(), unspan(&next()));
                    model.parent = Some(Parent { group, artifact, version, path, lines });
                }
                "v" => model.properties.push((next(), next())),
                "l" => model.licenses.push(next()),
                "m" => model.modules.push(next()),
                "g" | "d" => {
                    let mut need = Dependency {
                        group: next(),
                        artifact: next(),
                        version: next(),
                        kind: next(),
                        classifier: next(),
                        scope: next(),
                        optional: next(),
                        ..Dependency::default()
                    };
                    let exclusions = next();
                    let pair = |text: &str| text.split_once(':').map(|(a, b)| (a.to_owned(), b.to_owned()));
                    need.exclusions = exclusions.split(' ').filter_map(pair).collect();
                    need.lines = unspan(&next());
                    match mark {
                        "g" => model.managed.push(need),
                        _ => model.dependencies.push(need),
                    }
                }
                _ => {}
            }
        }
        model
    }
}

fn span((first, last): (u32, u32)) -> String {
    format!("{first}-{last}")
}

fn unspan(text: &str) -> (u32, u32) {
    let (first, last) = text.split_once('-').unwrap_or_default();
    (first.parse().unwrap_or(0), last.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "<project xmlns='x'>
 <parent><groupId>g</groupId><artifactId>p</artifactId><version>1</version><relativePath/></parent>
 <artifactId> a </artifactId>
 <properties><x.y> 1 </x.y></properties>
 <modules><module>m</module></modules>
 <dependencyManagement><dependencies><dependency><groupId>b</groupId><artifactId>bom</artifactId><version>2</version>
  <type>pom</type><scope>import</scope></dependency></dependencies></dependencyManagement>
 <dependencies>
  <dependency><groupId>c</groupId><artifactId>c</artifactId><optional>true</optional>
   <exclusions><exclusion><groupId>*</groupId><artifactId>z</artifactId></exclusion></exclusions>
  </dependency>
 </dependencies>
 <build><plugins><plugin><dependencies><dependency><groupId>no</groupId></dependency></dependencies></plugin></plugins></build>
 <profiles>
  <profile><id>on</id><activation><activeByDefault>true</activeByDefault></activation>
   <properties><x.y>3</x.y></properties>
   <dependencies><dependency><groupId>d</groupId><artifactId>d</artifactId></dependency></dependencies></profile>
  <profile><id>off</id><dependencies><dependency><groupId>e</groupId></dependency></dependencies></profile>
 </profiles>
 <licenses><license><name>MIT
  License</name></license></licenses>
</project>";

    #[test]
    fn the_whole_of_it() {
        let model = parse(WHOLE.as_bytes()).unwrap();
        assert_eq!((model.group.as_str(), model.artifact.as_str(), model.version.as_str()), ("", "a", ""));
        let parent = model.parent.as_ref().unwrap();
        assert_eq!((parent.artifact.as_str(), parent.path.as_str(), parent.lines), ("p", "", (2, 2)));
        assert_eq!(model.properties.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["1", "3"]);
        assert_eq!(model.managed[0].scope, "import");
        let names: Vec<&str> = model.dependencies.iter().map(|need| need.artifact.as_str()).collect();
        assert_eq!(names, ["c", "d"]);
        assert_eq!(model.dependencies[0].exclusions, [("*".to_owned(), "z".to_owned())]);
        assert_eq!(model.dependencies[0].lines, (9, 11));
        assert_eq!(
            (model.modules.as_slice(), model.licenses.as_slice()),
            (&["m".to_owned()][..], &["MIT License".to_owned()][..])
        );
        assert_eq!(Model::of_lines(&model.to_lines()), model);
    }

    #[test]
    fn refusals() {
        for text in ["", "text", "<settings/>", "<project>", "<project><${a}>1</${a}></project>"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
