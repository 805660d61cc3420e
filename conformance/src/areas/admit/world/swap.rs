//! Ours in the place of theirs: keys and certificates in PEM, plain or in base64 as Secrets hold them, and digests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// What stands for what.
#[derive(Debug, Default)]
pub(super) struct Swaps {
    /// Beginnings of PEM bodies of theirs, and the PEM of ours.
    pub(super) material: Vec<(&'static str, String)>,
    /// Digests of theirs, and ours.
    pub(super) digests: Vec<(&'static str, String)>,
}

impl Swaps {
    /// Puts ours in the place of theirs, in every text of a value.
    pub(super) fn swap(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(swapped) = self.swapped(text) {
                    *text = swapped;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.swap(item)),
            Value::Object(entries) => entries.values_mut().for_each(|value| self.swap(value)),
            _ => {}
        }
    }

    /// A text with ours in the place of theirs; `None` if nothing of theirs is in it.
    fn swapped(&self, text: &str) -> Option<String> {
        // Secrets hold their material in base64.
        if !text.contains("-----BEGIN")
            && let Ok(bytes) = STANDARD.decode(text.trim())
            && let Ok(inner) = String::from_utf8(bytes)
            && inner.contains("-----BEGIN")
        {
            return self.swapped(&inner).map(|swapped| STANDARD.encode(swapped));
        }
        let mut out = text.to_owned();
        for (theirs, ours) in &self.digests {
            out = out.replace(theirs, ours);
        }
        out = self.swapped_material(&out);
        (out != text).then_some(out)
    }

    fn swapped_material(&self, text: &str) -> String {
        const END: &str = "-----END ";
        let (mut out, mut rest) = (String::new(), text);
        while let Some(start) = rest.find("-----BEGIN ") {
            let (before, block) = rest.split_at(start);
            out.push_str(before);
            let end = block.find(END).and_then(|at| {
                let after = block.get(at.checked_add(END.len())?..)?;
                at.checked_add(END.len())?.checked_add(after.find("-----")?)?.checked_add("-----".len())
            });
            let Some((block, after)) = end.and_then(|end| block.split_at_checked(end)) else {
                rest = block;
                break;
            };
            let body: String = block.split("-----").nth(2).unwrap_or_default().split_whitespace().collect();
            match self.material.iter().find(|(theirs, _)| body.starts_with(theirs)) {
                Some((_, ours)) => out.push_str(ours.trim()),
                None => out.push_str(block),
            }
            rest = after;
        }
        out + rest
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OURS: &str = "-----BEGIN PUBLIC KEY-----\nOURS\n-----END PUBLIC KEY-----";

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let swaps = Swaps {
            material: vec![("THEIRSONE", format!("{OURS}\n"))],
            digests: vec![("sha256:aa", "sha256:bb".to_owned())],
        };
        let mut value = json!({"a": [text]});
        swaps.swap(&mut value);
        assert_eq!(value, json!({"a": [expected]}));
    }

    #[test]
    fn theirs_becomes_ours_and_nothing_else_changes() {
        let theirs = "-----BEGIN PUBLIC KEY-----\nTHEIRS\n  ONE==\n-----END PUBLIC KEY-----";
        let other = "-----BEGIN PUBLIC KEY-----\nOTHER\n-----END PUBLIC KEY-----";
        check(theirs, OURS);
        check(&format!("x {theirs}\n{other}\n{theirs} y"), &format!("x {OURS}\n{other}\n{OURS} y"));
        check(other, other);
        check("-----BEGIN PUBLIC KEY-----\nTHEIRSONE", "-----BEGIN PUBLIC KEY-----\nTHEIRSONE");
        check("r/x:1@sha256:aa", "r/x:1@sha256:bb");
        check(&STANDARD.encode(theirs), &STANDARD.encode(OURS));
        check(&STANDARD.encode(other), &STANDARD.encode(other));
        check("aGVsbG8=", "aGVsbG8=");
    }
}
