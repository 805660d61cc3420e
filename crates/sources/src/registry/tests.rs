use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use signet_oci_client::{ClientOptions, CredentialConfig};

use super::*;

const LAYER: &[u8] = b"a layer, not even compressed";

/// A registry that serves these documents by path.
fn serve(documents: HashMap<String, (&'static str, Vec<u8>)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let documents = documents.clone();
            std::thread::spawn(move || -> std::io::Result<()> {
                let mut reader = BufReader::new(stream.try_clone()?);
                let mut stream = stream;
                let mut line = String::new();
                reader.read_line(&mut line)?;
                let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                while line.trim() != "" {
                    line.clear();
                    reader.read_line(&mut line)?;
                }
                let (status, kind, body) = match documents.get(&path) {
                    Some((kind, body)) => (200, *kind, body.clone()),
                    None => (404, "text/plain", Vec::new()),
                };
                let length = body.len();
                write!(
                    stream,
                    "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
                )?;
                stream.write_all(&body)
            });
        }
    });
    host
}

fn client() -> BlockingClient {
    let options = ClientOptions { retries: 0, plain_http: vec!["*".to_owned()], ..Default::default() };
    BlockingClient::new(options, CredentialConfig::default()).unwrap()
}

/// An image with one layer; `served` is what the registry gives for it, `config_type` the type of its configuration.
fn image(served: &[u8], config_type: &str, diff_ids: usize) -> (String, Digest) {
    let ids = vec![format!("\"{}\"", Digest::sha256(LAYER)); diff_ids].join(",");
    let config = format!(
        r#"{{"os":"linux","architecture":"arm64","rootfs":{{"diff_ids":[{ids}]}},"history":[{{"created_by":"ADD"}}]}}"#
    );
    let (config_digest, layer) = (Digest::sha256(config.as_bytes()), Digest::sha256(LAYER));
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"{config_type}","digest":"{config_digest}","size":{}}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{layer}","size":{}}}]}}"#,
        config.len(),
        LAYER.len()
    );
    let digest = Digest::sha256(manifest.as_bytes());
    let host = serve(HashMap::from([
        ("/v2/team/app/manifests/1".to_owned(), (media_type::OCI_MANIFEST, manifest.clone().into_bytes())),
        (format!("/v2/team/app/blobs/{config_digest}"), ("application/octet-stream", config.into_bytes())),
        (format!("/v2/team/app/blobs/{layer}"), ("application/octet-stream", served.to_vec())),
    ]));
    (format!("{host}/team/app:1"), digest)
}

#[test]
fn an_image_is_read_and_its_layers_verified() {
    let (name, digest) = image(LAYER, media_type::OCI_CONFIG, 1);
    let reference: ImageRef = name.parse().unwrap();
    let image = RegistryImage::open(&client(), &reference, &PlatformChoice::host()).unwrap();
    let info = image.info();
    assert_eq!(info.manifest_digest, Some(digest));
    assert_eq!(info.config_digest, Digest::sha256(&info.config));
    assert_eq!(info.platform.to_string(), "linux/arm64");
    assert_eq!(info.tags, std::slice::from_ref(&reference));
    assert_eq!(info.repo_digests[0].to_string(), format!("{}@{digest}", reference.name()));
    assert_eq!(info.layers[0].created_by.as_deref(), Some("ADD"));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut bytes = Vec::new();
                image.open_layer(0).unwrap().read_to_end(&mut bytes).unwrap();
                assert_eq!(bytes, LAYER);
            });
        }
    });
    assert_eq!(image.open_layer(1).err().unwrap().kind, SourceErrorKind::NotFound);
}

#[test]
fn a_layer_of_other_bytes_has_no_end() {
    let mut other = LAYER.to_vec();
    other[3] ^= 1;
    let (name, _) = image(&other, media_type::OCI_CONFIG, 1);
    let image = RegistryImage::open(&client(), &name.parse().unwrap(), &PlatformChoice::host()).unwrap();
    let mut reader = image.open_layer(0).unwrap();
    let err = reader.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(err.kind(), std::io::ErrorKind::InvalidData);
    let (name, _) = self::image(&other[1..], media_type::OCI_CONFIG, 1);
    let image = RegistryImage::open(&client(), &name.parse().unwrap(), &PlatformChoice::host()).unwrap();
    assert_eq!(image.open_layer(0).err().unwrap().kind, SourceErrorKind::Malformed);
}

#[track_caller]
fn check(name: &str, choice: &PlatformChoice, kind: SourceErrorKind) {
    let err = RegistryImage::open(&client(), &name.parse().unwrap(), choice).unwrap_err();
    assert_eq!(err.kind, kind, "{err} {:?}", err.cause);
}

#[test]
fn what_is_no_image_for_us_is_refused() {
    let host = PlatformChoice::host();
    check(&image(LAYER, "application/vnd.cncf.helm.config.v1+json", 1).0, &host, SourceErrorKind::Unsupported);
    check(&image(LAYER, media_type::OCI_CONFIG, 2).0, &host, SourceErrorKind::Malformed);
    let name = image(LAYER, media_type::OCI_CONFIG, 1).0;
    check(&format!("{}-gone", name.trim_end_matches(":1")), &host, SourceErrorKind::NotFound);
    let windows = Platform { os: "windows".into(), architecture: "amd64".into(), variant: None };
    check(&image(LAYER, media_type::OCI_CONFIG, 1).0, &PlatformChoice::Exactly(windows), SourceErrorKind::NotFound);
    check("127.0.0.1:1/a:1", &host, SourceErrorKind::Unreachable);
}

#[test]
fn histories_are_joined_with_their_layers() {
    let id = Digest::sha256(b"x");
    let text = format!(
        r#"{{"os":"linux","architecture":"arm64","variant":"","rootfs":{{"diff_ids":["{id}","{id}"]}},
        "history":[{{"created_by":"a"}},{{"created_by":"env","empty_layer":true}},{{"comment":"b"}}]}}"#
    );
    let config = ImageConfig::read(text.as_bytes()).unwrap();
    assert_eq!(config.created_by, [Some("a".to_owned()), None]);
    assert_eq!(config.platform.to_string(), "linux/arm64");
    let short = text.replace(r#",{"comment":"b"}"#, "");
    assert_eq!(ImageConfig::read(short.as_bytes()).unwrap().created_by, [None, None]);
    for bad in ["", "{}", "[]", r#"{"rootfs":{"diff_ids":["x"]}}"#] {
        assert!(ImageConfig::read(bad.as_bytes()).is_err(), "{bad}");
    }
}
