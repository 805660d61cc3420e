//! The operating system distribution of a root file system.

/// What `os-release` and its older relatives say. Texts are kept as the file states them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distro {
    /// `ID`: `debian`, `alpine`, `rhel`, ... lower case.
    pub id: String,
    /// `VERSION_ID`: `12`, `3.20.1`, `9.4`; `None` for rolling ones that state none.
    pub version_id: Option<String>,
    /// `VERSION`.
    pub version: Option<String>,
    /// `NAME`.
    pub name: Option<String>,
    /// `PRETTY_NAME`.
    pub pretty_name: Option<String>,
    /// `VERSION_CODENAME`.
    pub codename: Option<String>,
    /// `ID_LIKE`, split at spaces.
    pub id_like: Vec<String>,
    /// `CPE_NAME`.
    pub cpe_name: Option<String>,
    /// `VARIANT_ID`.
    pub variant_id: Option<String>,
    /// `BUILD_ID`.
    pub build_id: Option<String>,
    /// `IMAGE_ID`.
    pub image_id: Option<String>,
    /// `HOME_URL`, `SUPPORT_URL`, `BUG_REPORT_URL`, `PRIVACY_POLICY_URL` and other fields by their names.
    pub other: std::collections::BTreeMap<String, String>,
    /// The point release where another file states it (`etc/debian_version`: `12.15`).
    pub point_release: Option<String>,
    /// Release channel that changes which advisories govern: `eus`, `e4s`, `esm`, `edge`.
    pub channel: Option<String>,
}
