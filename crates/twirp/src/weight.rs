//! How much memory a body would ask for, before it is given. Source: protobuf's documentation, "Encoding".

use serde_json::Value;

use crate::error::{Code, TwirpError};

/// A message costs this much; every other field costs one.
const MESSAGE: usize = 16;

/// Fields of a message that are messages again, by number.
#[derive(Debug)]
pub struct Shape(pub &'static [(u32, &'static Shape)]);

/// A message without messages in it that could be many.
pub(crate) const LEAF: Shape = Shape(&[]);

struct Scale {
    left: usize,
    most: usize,
}

impl Scale {
    fn take(&mut self, units: usize) -> Result<(), TwirpError> {
        self.left = self.left.checked_sub(units).ok_or_else(|| {
            TwirpError::new(Code::ResourceExhausted, format!("the message weighs more than {} units", self.most))
        })?;
        Ok(())
    }
}

/// Weighs protobuf.
pub(crate) fn of_protobuf(bytes: &[u8], shape: &Shape, most: usize) -> Result<(), TwirpError> {
    message(bytes, shape, &mut Scale { left: most, most })
}

/// Weighs JSON.
pub(crate) fn of_json(value: &Value, most: usize) -> Result<(), TwirpError> {
    node(value, &mut Scale { left: most, most })
}

fn node(value: &Value, scale: &mut Scale) -> Result<(), TwirpError> {
    match value {
        Value::Object(fields) => {
            scale.take(MESSAGE)?;
            fields.values().try_for_each(|value| node(value, scale))
        }
        Value::Array(items) => {
            scale.take(1)?;
            items.iter().try_for_each(|value| node(value, scale))
        }
        _ => scale.take(1),
    }
}

// Recursion ends with the shape, which is a constant.
fn message(mut bytes: &[u8], shape: &Shape, scale: &mut Scale) -> Result<(), TwirpError> {
    let cut = || TwirpError::new(Code::Malformed, "the body cannot be read: it ends within a field");
    while !bytes.is_empty() {
        let key = varint(&mut bytes).ok_or_else(cut)?;
        let field = u32::try_from(key >> 3).unwrap_or(u32::MAX);
        match key & 7 {
            0 => {
                varint(&mut bytes).ok_or_else(cut)?;
                scale.take(1)?;
            }
            kind @ (1 | 5) => {
                bytes = bytes.get(if kind == 1 { 8 } else { 4 }..).ok_or_else(cut)?;
                scale.take(1)?;
            }
            2 => {
                let length = usize::try_from(varint(&mut bytes).ok_or_else(cut)?).map_err(|_| cut())?;
                let inner = bytes.get(..length).ok_or_else(cut)?;
                bytes = bytes.get(length..).unwrap_or_default();
                match shape.0.iter().find(|(number, _)| *number == field) {
                    Some((_, shape)) => {
                        scale.take(MESSAGE)?;
                        message(inner, shape, scale)?;
                    }
                    None => scale.take(1)?,
                }
            }
            _ => return Err(TwirpError::new(Code::Malformed, "the body cannot be read: a field of an unknown kind")),
        }
    }
    Ok(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for place in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(place * 7)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
