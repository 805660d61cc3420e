//! Models, written pair by pair.

use super::gguf::LEAF;
use crate::syntax::testing::{check, mutate, read};

/// Writes what a model holds in the order of bytes that its machine has.
struct Writer {
    bytes: Vec<u8>,
    swapped: bool,
}

impl Writer {
    fn u32(&mut self, number: u32) {
        self.bytes.extend(if self.swapped { number.to_be_bytes() } else { number.to_le_bytes() });
    }

    fn u64(&mut self, number: u64) {
        self.bytes.extend(if self.swapped { number.to_be_bytes() } else { number.to_le_bytes() });
    }

    fn text(&mut self, text: &str) {
        self.u64(text.len() as u64);
        self.bytes.extend(text.as_bytes());
    }

    fn pair(&mut self, key: &str, value: &str) {
        self.text(key);
        self.u32(8);
        self.text(value);
    }
}

fn model(swapped: bool, name: &str) -> Vec<u8> {
    let mut out = Writer { bytes: b"GGUF".to_vec(), swapped };
    out.u32(3);
    out.u64(1);
    out.u64(7);
    out.pair("general.architecture", "llama");
    out.pair("general.name", name);
    out.pair("general.version", "v0.3");
    out.pair("general.license", "apache-2.0");
    out.pair("general.repo_url", "https://huggingface.co/signet/demo");
    out.text("general.file_type");
    out.u32(4);
    out.u32(15);
    out.text("tokenizer.ggml.tokens");
    out.u32(9);
    out.u32(8);
    out.u64(2);
    out.text("<s>");
    out.text("</s>");
    out.text("token_embd.weight");
    out.u32(2);
    out.u64(300);
    out.u64(7);
    out.u32(0);
    out.u64(0);
    out.bytes
}

#[test]
fn models() {
    for swapped in [false, true] {
        let found = read(&LEAF, "models/demo.gguf", &model(swapped, "Demo"));
        assert_eq!(found.unexamined, []);
        let package = &found.packages[0];
        assert_eq!((package.name.as_str(), package.version.as_str()), ("Demo", "v0.3"));
        assert_eq!(package.licenses[0].value, "apache-2.0");
        let fact = |name: &str| package.extra[name].as_str();
        assert_eq!((fact("gguf.architecture"), fact("gguf.quantization")), ("llama", "Q4_K_M"));
        assert_eq!((fact("gguf.parameters"), fact("gguf.tensors"), fact("gguf.version")), ("2100", "1", "3"));
        assert_eq!(fact("gguf.metadata_digest").len(), 71);
        assert_eq!(package.purl(None).unwrap().to_string(), "pkg:huggingface/signet/demo");
    }
    check(&LEAF, "models/tiny.gguf", model(false, ""), &["tiny@v0.3"]);
}

#[test]
fn what_is_no_model() {
    let whole = model(false, "Demo");
    check(&LEAF, "a.gguf", "text", &["! malformed: no GGUF file"]);
    check(
        &LEAF,
        "a.gguf",
        [b"GGUF".as_slice(), &[9, 0, 0, 0]].concat(),
        &["! malformed: a GGUF file of an unknown version"],
    );
    check(&LEAF, "a.gguf", &whole[..100], &["a@", "! malformed: the metadata is cut off"]);
    check(&LEAF, "a.gguf", &whole[..whole.len() - 1], &["Demo@v0.3", "! malformed: the metadata is cut off"]);
    let mut many = whole.clone();
    many[16..24].fill(0xff);
    check(&LEAF, "a.gguf", many, &["a@", "! malformed: it claims more entries than a model has"]);
    // a vocabulary that goes on behind what is read
    let mut long = whole[..whole.len() - 80].to_vec();
    long.resize(LEAF.max_size as usize, 1);
    let found = read(&LEAF, "a.gguf", &long);
    assert_eq!((found.packages[0].name.as_str(), found.unexamined[0].kind.name()), ("Demo", "too-large"));
}

proptest::proptest! {
    #[test]
    fn mutated_models_never_panic(place: usize, byte: u8, cut in 0usize..40, keep: usize, swapped: bool) {
        let found = read(&LEAF, "a.gguf", &mutate(&model(swapped, "Demo"), place, byte, cut, keep));
        proptest::prop_assert!(found.packages.len() + found.unexamined.len() <= 2);
    }
}
