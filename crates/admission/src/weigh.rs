//! How much a JSON text would become, before any of it is built.

/// Why a text is not parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooMuch {
    /// Lists and mappings inside of each other.
    #[error("it nests deeper than {0} levels")]
    Deep(usize),
    /// Values and keys.
    #[error("it holds more than {0} values")]
    Many(usize),
}

/// Counts without building: one pass over the bytes, nothing allocated.
///
/// Values are counted by what separates them, so the count of a text that is no JSON is of no use, and no harm.
pub(crate) fn weigh(text: &[u8], depth_limit: usize, value_limit: usize) -> Result<(), TooMuch> {
    let (mut depth, mut values) = (0_usize, 0_usize);
    let (mut inside, mut escaped) = (false, false);
    for byte in text {
        if inside {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => inside = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => inside = true,
            b'{' | b'[' => {
                depth = depth.saturating_add(1);
                values = values.saturating_add(1);
                if depth > depth_limit {
                    return Err(TooMuch::Deep(depth_limit));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' | b':' => values = values.saturating_add(1),
            _ => continue,
        }
        if values > value_limit {
            return Err(TooMuch::Many(value_limit));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(), TooMuch>) {
        assert_eq!(weigh(text.as_bytes(), 3, 8), expected, "{text}");
    }

    #[test]
    fn depth_and_number_are_counted_outside_of_texts() {
        check(r#"{"a":[1,2,{}]}"#, Ok(()));
        check("[[[[]]]]", Err(TooMuch::Deep(3)));
        check("[1,2,3,4,5,6,7,8]", Ok(()));
        check("[1,2,3,4,5,6,7,8,9]", Err(TooMuch::Many(8)));
        check(r#"["[[[[[,,,,,,,,,,\"]]]]",1]"#, Ok(()));
        check("]]]]", Ok(()));
        check("", Ok(()));
    }
}
