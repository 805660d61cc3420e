//! The numbers by which records name the variants of enums. A number is never given to another variant without a new format version.

use signet_catalog::Owner;
use signet_image::EntryKind;
use signet_model::{ChecksumAlgorithm, Directness, PackageKind, Presence, RelationshipKind, UnexaminedKind};

/// An enum whose variants have numbers.
pub(super) trait Coded: Copy {
    fn code(self) -> u8;
    fn of_code(code: u8) -> Option<Self>;
}

/// One table for both ways. A variant that is missing in it does not compile.
macro_rules! codes {
    ($($noun:ident { $($code:literal $variant:ident)* })*) => { $(
        impl Coded for $noun {
            fn code(self) -> u8 {
                match self { $($noun::$variant => $code,)* }
            }

            fn of_code(code: u8) -> Option<$noun> {
                match code { $($code => Some($noun::$variant),)* _ => None }
            }
        }
    )* };
}

codes! {
    PackageKind {
        0 Apk 1 Deb 2 Rpm 3 Alpm 4 Portage 5 Opkg
        6 Npm 7 Python 8 Go 9 Java 10 Cargo 11 Gem 12 Nuget 13 Composer 14 Pub 15 Swift 16 CocoaPods 17 Conan 18 Vcpkg 19 Hex 20 Otp 21 Hackage
        22 Opam 23 Cran 24 LuaRocks 25 Julia 26 Cpan 27 Gleam 28 SwiplPack
        29 Conda 30 Nix 31 Bitnami 32 Snap 33 Homebrew 34 Flatpak 35 Spack 36 GithubAction 37 WordpressPlugin 38 JenkinsPlugin
        39 LinuxKernel 40 LinuxKernelModule 41 Binary 42 Model 43 Container 44 Other
        45 Pear 46 Jsr 47 ChromeExtension 48 VscodeExtension
    }
    ChecksumAlgorithm { 0 Md5 1 Sha1 2 Sha224 3 Sha256 4 Sha384 5 Sha512 6 Blake2b256 }
    Presence { 0 Installed 1 Declared }
    Directness { 0 Unknown 1 Root 2 Workspace 3 Direct 4 Indirect }
    RelationshipKind { 0 DependsOn 1 OwnedBy 2 ContainedIn }
    UnexaminedKind { 0 Malformed 1 TooLarge 2 Unsupported 3 Unreadable 4 Unresolved 5 Missing }
    // At most seven: three bits beside the mode.
    EntryKind { 0 File 1 Directory 2 Symlink 3 Hardlink 4 Special }
}

/// The form of an [`Owner`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnerForm {
    Here,
    Named,
}

codes! { OwnerForm { 0 Here 1 Named } }

impl OwnerForm {
    pub(super) fn of(owner: &Owner) -> OwnerForm {
        match owner {
            Owner::Here(_) => OwnerForm::Here,
            Owner::Named { .. } => OwnerForm::Named,
        }
    }
}
