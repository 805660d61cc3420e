//! A document in JSON, component by component: none is kept after it became a package, so that memory holds the result and nothing else.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::read::Reader;
use super::wire::{Component, Dependency, Metadata, Property, Service};
use crate::ReadError;

/// The parts of a document beside its components, and why reading stopped.
#[derive(Default)]
pub(super) struct Head {
    pub(super) bom_format: Option<String>,
    pub(super) spec_version: Option<String>,
    pub(super) metadata: Option<Metadata>,
    pub(super) services: Option<Vec<Service>>,
    pub(super) properties: Option<Vec<Property>>,
    /// Dependencies that stood before the components.
    pub(super) early: Vec<Dependency>,
    has_components: bool,
    /// The reason behind an error that had to go through the parser.
    pub(super) stopped: Option<ReadError>,
}

/// Reads a whole document into a reader and a head.
pub(super) struct Document<'r, 'l> {
    pub(super) reader: &'r mut Reader<'l>,
    pub(super) head: &'r mut Head,
}

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CycloneDX document")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Document { reader, head } = self;
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "bomFormat" => head.bom_format = map.next_value()?,
                "specVersion" => head.spec_version = map.next_value()?,
                "metadata" => head.metadata = map.next_value()?,
                "services" => head.services = map.next_value()?,
                "properties" => head.properties = map.next_value()?,
                "components" => {
                    map.next_value_seed(List(&mut |place, component: Component| {
                        reader
                            .component(component, &format!("components[{place}]"), None, 1)
                            .map_err(|err| head.stopped = Some(err))
                    }))?;
                    head.has_components = true;
                }
                "dependencies" => map.next_value_seed(List(&mut |_, dependency: Dependency| {
                    if !head.has_components {
                        head.early.push(dependency);
                        return Ok(());
                    }
                    reader.dependencies(dependency).map_err(|err| head.stopped = Some(err))
                }))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            if !matches!(
                key.as_str(),
                "bomFormat" | "specVersion" | "metadata" | "services" | "properties" | "components" | "dependencies"
            ) {
                continue;
            }
            if !seen.insert(key) {
                return Err(A::Error::custom("a member is there twice"));
            }
        }
        Ok(())
    }
}

/// A list (or null) whose items are handed on one by one, with their places. An error ends it.
struct List<'f, T>(&'f mut dyn FnMut(usize, T) -> Result<(), ()>);

impl<'de, T: serde::Deserialize<'de>> DeserializeSeed<'de> for List<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, T: serde::Deserialize<'de>> Visitor<'de> for List<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut place = 0;
        while let Some(item) = list.next_element::<T>()? {
            (self.0)(place, item).map_err(|()| A::Error::custom("a limit was reached"))?;
            place += 1;
        }
        Ok(())
    }
}
