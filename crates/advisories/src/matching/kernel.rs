//! Packages that hold the kernel's headers: matched through the kernel's source package they are noise.

use signet_model::Package;

/// Whether the package is built from the kernel's source and holds headers only (trivy#1596; Grype leaves them out by default).
pub(super) fn is_headers_only(package: &Package) -> bool {
    let Some(source) = &package.source else { return false };
    let from_kernel = source.name == "linux"
        || source.name == "kernel"
        || source.name.starts_with("linux-")
        || source.name.starts_with("kernel-")
        || source.name.starts_with("linux_");
    let name = package.name.as_str();
    from_kernel
        && (name.starts_with("linux-libc-dev")
            || name.starts_with("linux-headers")
            || name.starts_with("kernel-headers")
            || name == "linux-api-headers")
}
