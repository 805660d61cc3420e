//! References of Conan.

use signet_model::{Package, PackageKind};

use crate::Input;

/// `name/version[@user/channel][#revision][:package_id[#revision]][%time]`. Source: docs.conan.io, "Reference", and for lock files of Conan 2
/// "Lockfiles".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    user: &'a str,
    channel: &'a str,
    revision: &'a str,
}

impl<'a> Reference<'a> {
    /// Reads a reference; `None` if it has no name or no version.
    pub(super) fn parse(text: &'a str) -> Option<Reference<'a>> {
        let text = text.trim();
        let text = text.split('%').next().unwrap_or_default();
        // a version never holds a colon, a package id follows one
        let recipe = text.split(':').next().unwrap_or_default();
        let (recipe, revision) = recipe.split_once('#').unwrap_or((recipe, ""));
        let (recipe, owner) = recipe.split_once('@').unwrap_or((recipe, ""));
        let (name, version) = recipe.split_once('/')?;
        let (user, channel) = owner.split_once('/').unwrap_or((owner, ""));
        let usable = !name.is_empty() && !version.is_empty() && !name.contains(char::is_whitespace);
        usable.then_some(Reference { name, version, user, channel, revision })
    }

    /// From the directories of Conan 1's cache, where `_` stands for nothing.
    pub(super) fn of_cache(name: &'a str, version: &'a str, user: &'a str, channel: &'a str) -> Option<Reference<'a>> {
        let part = |text: &'a str| if text == "_" { "" } else { text };
        let usable = !name.is_empty() && !version.is_empty();
        usable.then_some(Reference { name, version, user: part(user), channel: part(channel), revision: "" })
    }

    /// The package, named by this file at these lines. A version that is a range (`[>=1.2]`) stands in `conan.requirement`.
    pub(super) fn package(&self, input: &Input<'_>, lines: (u32, u32)) -> Package {
        let range = self.version.starts_with('[');
        let mut package =
            input.declared_at(PackageKind::Conan, self.name, if range { "" } else { self.version }, lines);
        let requirement = if range { self.version } else { "" };
        for (fact, value) in [
            ("conan.user", self.user),
            ("conan.channel", self.channel),
            ("conan.revision", self.revision),
            ("conan.requirement", requirement),
        ] {
            if !value.is_empty() {
                package.extra.insert(fact.to_owned(), value.to_owned());
            }
        }
        package
    }
}
