//! Small images made in memory: for tests everywhere, and for `signet demo`. The same calls give the same bytes.

use std::io::Write as _;

use signet_model::{Digest, Platform};

use crate::compression::Compression;

/// Writes one layer as a tar stream: owner 0, time 0, PAX records only where a name does not fit.
#[derive(Clone, Debug, Default)]
pub struct LayerBuilder {
    bytes: Vec<u8>,
}

impl LayerBuilder {
    /// A layer with nothing in it.
    pub fn new() -> LayerBuilder {
        LayerBuilder::default()
    }

    /// Adds a file of mode 644.
    #[must_use]
    pub fn file(self, path: &str, content: &[u8]) -> LayerBuilder {
        self.entry(b'0', path, "", 0o644, content)
    }

    /// Adds a file with this mode.
    #[must_use]
    pub fn file_with_mode(self, path: &str, mode: u32, content: &[u8]) -> LayerBuilder {
        self.entry(b'0', path, "", mode, content)
    }

    /// Adds a directory of mode 755.
    #[must_use]
    pub fn directory(self, path: &str) -> LayerBuilder {
        self.entry(b'5', &format!("{path}/"), "", 0o755, b"")
    }

    /// Adds a symbolic link.
    #[must_use]
    pub fn symlink(self, path: &str, target: &str) -> LayerBuilder {
        self.entry(b'2', path, target, 0o777, b"")
    }

    /// Adds a hard link to a path of this or a lower layer.
    #[must_use]
    pub fn hardlink(self, path: &str, target: &str) -> LayerBuilder {
        self.entry(b'1', path, target, 0o644, b"")
    }

    /// Removes a path of lower layers.
    #[must_use]
    pub fn whiteout(self, path: &str) -> LayerBuilder {
        let (directory, name) = crate::path::split(path);
        let slash = if directory.is_empty() { "" } else { "/" };
        self.file(&format!("{directory}{slash}.wh.{name}"), b"")
    }

    /// Hides all that lower layers have in a directory.
    #[must_use]
    pub fn opaque(self, directory: &str) -> LayerBuilder {
        self.file(&format!("{directory}/.wh..wh..opq"), b"")
    }

    /// Adds bytes as they are: for headers that no sane writer makes.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> LayerBuilder {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Adds any entry: the type byte of its header, names, permission bits, content.
    #[must_use]
    pub fn entry(mut self, typeflag: u8, path: &str, link: &str, mode: u32, content: &[u8]) -> LayerBuilder {
        let mut records = Vec::new();
        for (key, value, room) in [("path", path, 100), ("linkpath", link, 100)] {
            if value.len() > room {
                records.extend_from_slice(&pax_record(key, value.as_bytes()));
            }
        }
        if !records.is_empty() {
            self.bytes.extend_from_slice(&header(b'x', b"pax", b"", 0o644, records.len() as u64));
            self.content(&records);
        }
        self.bytes.extend_from_slice(&header(typeflag, path.as_bytes(), link.as_bytes(), mode, content.len() as u64));
        self.content(content);
        self
    }

    /// The tar stream, with its end marker.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&[0; 1024]);
        self.bytes
    }

    fn content(&mut self, content: &[u8]) {
        self.bytes.extend_from_slice(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
    }
}

/// One PAX record; its length counts its own digits.
pub fn pax_record(key: &str, value: &[u8]) -> Vec<u8> {
    let body = key.len() + value.len() + 3;
    let mut len = body + 1;
    while len != body + len.to_string().len() {
        len = body + len.to_string().len();
    }
    let mut record = format!("{len} {key}=").into_bytes();
    record.extend_from_slice(value);
    record.push(b'\n');
    record
}

/// A ustar header block with a right checksum. Names are cut at 100 bytes; sizes over 8 GiB are written in base-256.
pub fn header(typeflag: u8, name: &[u8], link: &[u8], mode: u32, size: u64) -> [u8; 512] {
    let mut block = [0; 512];
    let mut put = |at: usize, len: usize, bytes: &[u8]| {
        let len = len.min(bytes.len());
        block[at..at + len].copy_from_slice(&bytes[..len]);
    };
    put(0, 100, name);
    put(100, 8, format!("{:07o}\0", mode & 0o7777).as_bytes());
    put(108, 8, b"0000000\0");
    put(116, 8, b"0000000\0");
    if size < 0o100_0000_0000_u64 * 8 {
        put(124, 12, format!("{size:011o}\0").as_bytes());
    } else {
        put(124, 4, &[0x80, 0, 0, 0]);
        put(128, 8, &size.to_be_bytes());
    }
    put(136, 12, b"00000000000\0");
    put(156, 1, &[typeflag]);
    put(157, 100, link);
    put(257, 8, b"ustar\x0000");
    seal(&mut block);
    block
}

/// Writes the right checksum into a header block.
pub fn seal(block: &mut [u8; 512]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// Packs a tar stream.
pub fn pack(tar: &[u8], compression: Compression) -> Vec<u8> {
    match compression {
        Compression::None => tar.to_vec(),
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
            // Writing to memory cannot fail.
            let _ = encoder.write_all(tar);
            encoder.finish().unwrap_or_default()
        }
        Compression::Zstd => zstd::stream::encode_all(tar, 3).unwrap_or_default(),
    }
}

/// A layer of a built image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltLayer {
    /// Digest of the tar stream.
    pub diff_id: Digest,
    /// Digest of the blob.
    pub digest: Digest,
    /// Media type of the blob.
    pub media_type: &'static str,
    /// The blob.
    pub blob: Vec<u8>,
    /// The tar stream.
    pub tar: Vec<u8>,
    created_by: String,
}

/// Assembles an image from tar streams.
#[derive(Clone, Debug)]
pub struct ImageBuilder {
    layers: Vec<BuiltLayer>,
    platform: Platform,
    config: serde_json::Map<String, serde_json::Value>,
}

impl Default for ImageBuilder {
    fn default() -> ImageBuilder {
        ImageBuilder::new()
    }
}

impl ImageBuilder {
    /// An image for linux/amd64 without layers.
    pub fn new() -> ImageBuilder {
        let platform = Platform { os: "linux".to_owned(), architecture: "amd64".to_owned(), variant: None };
        ImageBuilder { layers: Vec::new(), platform, config: serde_json::Map::new() }
    }

    /// The platform that the configuration states.
    #[must_use]
    pub fn platform(mut self, platform: Platform) -> ImageBuilder {
        self.platform = platform;
        self
    }

    /// Sets a field of the configuration's `config` (`User`, `Env`, ...).
    #[must_use]
    pub fn setting(mut self, name: &str, value: serde_json::Value) -> ImageBuilder {
        self.config.insert(name.to_owned(), value);
        self
    }

    /// Adds a layer on top.
    #[must_use]
    pub fn layer(mut self, tar: Vec<u8>, compression: Compression, created_by: &str) -> ImageBuilder {
        let blob = pack(&tar, compression);
        self.layers.push(BuiltLayer {
            diff_id: Digest::sha256(&tar),
            digest: Digest::sha256(&blob),
            media_type: match compression {
                Compression::None => "application/vnd.oci.image.layer.v1.tar",
                Compression::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
                Compression::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
            },
            blob,
            tar,
            created_by: created_by.to_owned(),
        });
        self
    }

    /// The finished image.
    pub fn build(self) -> BuiltImage {
        let mut config = serde_json::json!({
            "created": "1970-01-01T00:00:00Z",
            "architecture": self.platform.architecture,
            "os": self.platform.os,
            "config": self.config,
            "rootfs": {
                "type": "layers",
                "diff_ids": self.layers.iter().map(|layer| layer.diff_id.to_string()).collect::<Vec<_>>(),
            },
            "history": self.layers.iter().map(|layer| serde_json::json!({
                "created": "1970-01-01T00:00:00Z",
                "created_by": layer.created_by,
            })).collect::<Vec<_>>(),
        });
        if let Some(variant) = &self.platform.variant {
            config["variant"] = variant.as_str().into();
        }
        let config = config.to_string().into_bytes();
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": super::manifest::MANIFEST_TYPES[0],
            "config": descriptor(super::manifest::CONFIG_TYPES[0], &config),
            "layers": self.layers.iter().map(|layer| descriptor(layer.media_type, &layer.blob)).collect::<Vec<_>>(),
        });
        let manifest = manifest.to_string().into_bytes();
        BuiltImage {
            config_digest: Digest::sha256(&config),
            manifest_digest: Digest::sha256(&manifest),
            platform: self.platform,
            layers: self.layers,
            config,
            manifest,
        }
    }
}

fn descriptor(media_type: &str, blob: &[u8]) -> serde_json::Value {
    serde_json::json!({ "mediaType": media_type, "digest": Digest::sha256(blob).to_string(), "size": blob.len() })
}

/// A whole image in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltImage {
    /// Layers, base first.
    pub layers: Vec<BuiltLayer>,
    /// The configuration.
    pub config: Vec<u8>,
    /// Its digest.
    pub config_digest: Digest,
    /// The manifest.
    pub manifest: Vec<u8>,
    /// Its digest.
    pub manifest_digest: Digest,
    /// The platform that the configuration states.
    pub platform: Platform,
}

impl BuiltImage {
    /// Every blob with its digest: manifest, configuration, layers.
    pub fn blobs(&self) -> impl Iterator<Item = (Digest, &[u8])> {
        [(self.manifest_digest, self.manifest.as_slice()), (self.config_digest, self.config.as_slice())]
            .into_iter()
            .chain(self.layers.iter().map(|layer| (layer.digest, layer.blob.as_slice())))
    }

    /// The descriptor of the manifest with platform and, where given, the tag: what an index lists.
    pub fn manifest_descriptor(&self, tag: Option<&str>) -> serde_json::Value {
        let mut descriptor = descriptor(super::manifest::MANIFEST_TYPES[0], &self.manifest);
        descriptor["platform"] =
            serde_json::json!({ "os": self.platform.os, "architecture": self.platform.architecture });
        if let Some(variant) = &self.platform.variant {
            descriptor["platform"]["variant"] = variant.as_str().into();
        }
        if let Some(tag) = tag {
            descriptor["annotations"] = serde_json::json!({ "org.opencontainers.image.ref.name": tag });
        }
        descriptor
    }

    /// The files of an OCI layout that holds this image: path in the layout, content.
    pub fn oci_layout(&self, tag: Option<&str>) -> Vec<(String, Vec<u8>)> {
        let index = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": super::manifest::INDEX_TYPES[0],
            "manifests": [self.manifest_descriptor(tag)],
        });
        let mut files = vec![
            ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
            ("index.json".to_owned(), index.to_string().into_bytes()),
        ];
        files
            .extend(self.blobs().map(|(digest, blob)| {
                (format!("blobs/{}/{}", digest.algorithm().name(), digest.hex()), blob.to_vec())
            }));
        files
    }

    /// A tar that holds the OCI layout.
    pub fn oci_archive(&self, tag: Option<&str>) -> Vec<u8> {
        archive(&self.oci_layout(tag))
    }

    /// A tar as `docker save` of old wrote it: `manifest.json`, the configuration, plain layers.
    pub fn docker_archive(&self, tags: &[&str]) -> Vec<u8> {
        let config = format!("{}.json", self.config_digest.hex());
        let layer = |layer: &BuiltLayer| format!("{}/layer.tar", layer.diff_id.hex());
        let manifest = serde_json::json!([{
            "Config": config,
            "RepoTags": tags,
            "Layers": self.layers.iter().map(layer).collect::<Vec<_>>(),
        }]);
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        for one in &self.layers {
            if files.iter().all(|(path, _)| *path != layer(one)) {
                files.push((layer(one), one.tar.clone()));
            }
        }
        files.push((config, self.config.clone()));
        files.push(("manifest.json".to_owned(), manifest.to_string().into_bytes()));
        archive(&files)
    }
}

/// A tar of these files.
pub fn archive(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    files.iter().fold(LayerBuilder::new(), |layer, (path, content)| layer.file(path, content)).finish()
}
