//! The containers of Podman: which image each was made of.

use signet_model::UnexaminedKind;
use signet_pages::bbolt::{Bolt, BoltError, Entry};
use signet_pages::sqlite::{Sqlite, SqliteError, Value};

use super::COVERAGE;
use super::stored::Images;
use crate::syntax::{self, json};
use crate::{Claim, Found, Input, Leaf, any_path};

/// Reads Podman's state, in both of its forms.
pub(crate) static LEAF: Leaf = Leaf {
    id: "podman-containers",
    claims: &[Claim::Path("containers/storage/db.sql"), Claim::Path("containers/storage/libpod/bolt_state.db")],
    accepts: any_path,
    max_size: 256 << 20,
    read,
    coverage: COVERAGE,
};

/// Reads the images of containers that have not exited.
///
/// Shape, from version 4.8 on: SQLite with `ContainerConfig(ID, Name, PodID, JSON)` and `ContainerState(ID, State, ExitCode, JSON)`; before: bbolt with
/// the buckets `ctr` / ID, and the keys `config` and `state`. The JSON of a configuration has `rawImageName` and `rootfsImageID`, that of a state
/// `state` (a number: 0 unknown, 1 configured, 2 created, 3 running, 4 stopped, 5 paused, 6 exited, 7 removing, 8 stopping) and `exited`.
/// A container that was made of a directory has no image. Errors: neither form; a container whose configuration cannot be read.
/// Source: containers/podman:libpod/{sqlite_state.go,boltdb_state_internal.go,container_config.go,define/containerstate.go}.
fn read(input: &Input<'_>) -> Found {
    let mut found = Found::default();
    let mut images = Images::default();
    let why = if input.path().ends_with(".sql") {
        sqlite(input, &mut images, &mut found).err().map(|error| error.to_string())
    } else {
        bolt(input, &mut images, &mut found).err().map(|error| error.to_string())
    };
    found.unexamined.extend(why.map(|why| input.unexamined(UnexaminedKind::Malformed, why)));
    images.finish(input, &mut found);
    found
}

fn sqlite(input: &Input<'_>, images: &mut Images, found: &mut Found) -> Result<(), SqliteError> {
    let database = Sqlite::open(input.bytes)?;
    let states = database.table("ContainerState")?;
    let (id, json) = (states.column("ID")?, states.column("JSON")?);
    let mut exited = std::collections::BTreeSet::new();
    for row in states.rows() {
        let row = row?;
        let values = row.values()?;
        if let (Some(Value::Text(id)), Some(Value::Text(state))) = (values.get(id), values.get(json))
            && has_exited(state)
        {
            exited.insert((*id).to_owned());
        }
    }
    let configurations = database.table("ContainerConfig")?;
    let (id, json) = (configurations.column("ID")?, configurations.column("JSON")?);
    for row in configurations.rows() {
        let row = row?;
        let values = row.values()?;
        let (Some(Value::Text(id)), Some(Value::Text(text))) = (values.get(id), values.get(json)) else {
            broken(input, found);
            continue;
        };
        if !exited.contains(*id) {
            configuration(input, text, images, found);
        }
    }
    Ok(())
}

fn bolt(input: &Input<'_>, images: &mut Images, found: &mut Found) -> Result<(), BoltError> {
    let bolt = Bolt::open(input.bytes)?;
    let Some(containers) = bolt.root().bucket(b"ctr")? else { return Ok(()) };
    for container in containers.iter() {
        let (_, Entry::Bucket(container)) = container? else { continue };
        let state = match container.get(b"state")? {
            Some(Entry::Value(state)) => String::from_utf8_lossy(state).into_owned(),
            _ => String::new(),
        };
        match container.get(b"config")? {
            Some(Entry::Value(text)) if !has_exited(&state) => {
                configuration(input, &String::from_utf8_lossy(text), images, found);
            }
            Some(Entry::Value(_)) => {}
            _ => broken(input, found),
        }
    }
    Ok(())
}

/// What states nothing may run.
fn has_exited(state: &str) -> bool {
    json::parse(state).is_ok_and(|state| state.is_true("exited"))
}

fn broken(input: &Input<'_>, found: &mut Found) {
    let why = "a container whose configuration cannot be read";
    syntax::report(&mut found.unexamined, input.unexamined(UnexaminedKind::Malformed, why));
}

fn configuration(input: &Input<'_>, text: &str, images: &mut Images, found: &mut Found) {
    let Ok(root) = json::parse(text) else { return broken(input, found) };
    let text = |name: &str| root.str(name).filter(|text| !text.is_empty());
    let Some(id) = text("rootfsImageID") else { return };
    let id = format!("sha256:{id}");
    let name = text("rawImageName").or_else(|| text("rootfsImageName")).unwrap_or(&id);
    images.add(input, name, &id).extra.insert("oci.image_id".to_owned(), id.clone());
}
