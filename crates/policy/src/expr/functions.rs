//! The table of functions: names, overloads, and what runs. One more function is one more row.

use super::eval::{Fault, Meter};
use super::{Type, Value, convert, strings};

/// What runs: arguments of checked types go in (or, behind `dyn`, of any type, which gives an error).
pub(super) type Run = fn(&[Value], &mut Meter) -> Result<Value, Fault>;

/// A type in a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sig {
    Any,
    Dyn,
    Bool,
    Int,
    Uint,
    Double,
    String,
    Bytes,
    Duration,
    Timestamp,
    Severity,
    List,
    Strings,
    Map,
}

impl Sig {
    pub(super) fn accepts(self, ty: &Type) -> bool {
        match (self, ty) {
            (Sig::Any, _) | (_, Type::Dyn) | (Sig::List, Type::List(_)) | (Sig::Map, Type::Map(..)) => true,
            (Sig::Strings, Type::List(of)) => matches!(**of, Type::String | Type::Dyn),
            (sig, ty) => sig.ty() == *ty,
        }
    }

    pub(super) fn ty(self) -> Type {
        match self {
            Sig::Any | Sig::Dyn => Type::Dyn,
            Sig::Bool => Type::Bool,
            Sig::Int => Type::Int,
            Sig::Uint => Type::Uint,
            Sig::Double => Type::Double,
            Sig::String => Type::String,
            Sig::Bytes => Type::Bytes,
            Sig::Duration => Type::Duration,
            Sig::Timestamp => Type::Timestamp,
            Sig::Severity => Type::Severity,
            Sig::List => Type::list(Type::Dyn),
            Sig::Strings => Type::list(Type::String),
            Sig::Map => Type::map(Type::Dyn, Type::Dyn),
        }
    }
}

pub(super) struct Function {
    pub(super) name: &'static str,
    /// Called as `receiver.name(...)`; the receiver is the first argument.
    pub(super) member: bool,
    pub(super) overloads: &'static [(&'static [Sig], Sig)],
    pub(super) run: Run,
}

use Sig::{Any, Bool, Bytes, Double, Duration, Int, List, Map, Severity, String as Str, Strings, Timestamp, Uint};

const SIZES: &[(&[Sig], Sig)] = &[(&[Str], Int), (&[Bytes], Int), (&[List], Int), (&[Map], Int)];
const TEXT_TEXT_BOOL: &[(&[Sig], Sig)] = &[(&[Str, Str], Bool)];
const TEXT_TEXT: &[(&[Sig], Sig)] = &[(&[Str], Str)];
const TIME_PART: &[(&[Sig], Sig)] = &[(&[Timestamp], Int)];
const TIME_OR_LENGTH: &[(&[Sig], Sig)] = &[(&[Timestamp], Int), (&[Duration], Int)];

const fn global(name: &'static str, overloads: &'static [(&'static [Sig], Sig)], run: Run) -> Function {
    Function { name, member: false, overloads, run }
}

const fn member(name: &'static str, overloads: &'static [(&'static [Sig], Sig)], run: Run) -> Function {
    Function { name, member: true, overloads, run }
}

/// All of them.
pub(super) static FUNCTIONS: &[Function] = &[
    global("size", SIZES, strings::size),
    member("size", SIZES, strings::size),
    global("matches", TEXT_TEXT_BOOL, strings::matches),
    member("matches", TEXT_TEXT_BOOL, strings::matches),
    member("contains", TEXT_TEXT_BOOL, strings::contains),
    member("startsWith", TEXT_TEXT_BOOL, strings::starts_with),
    member("endsWith", TEXT_TEXT_BOOL, strings::ends_with),
    member("lowerAscii", TEXT_TEXT, strings::lower_ascii),
    member("upperAscii", TEXT_TEXT, strings::upper_ascii),
    member("trim", TEXT_TEXT, strings::trim),
    member("reverse", TEXT_TEXT, strings::reverse),
    member("replace", &[(&[Str, Str, Str], Str), (&[Str, Str, Str, Int], Str)], strings::replace),
    member("split", &[(&[Str, Str], Strings), (&[Str, Str, Int], Strings)], strings::split),
    member("join", &[(&[Strings], Str), (&[Strings, Str], Str)], strings::join),
    member("charAt", &[(&[Str, Int], Str)], strings::char_at),
    member("indexOf", &[(&[Str, Str], Int), (&[Str, Str, Int], Int)], strings::index_of),
    member("lastIndexOf", &[(&[Str, Str], Int)], strings::last_index_of),
    member("substring", &[(&[Str, Int], Str), (&[Str, Int, Int], Str)], strings::substring),
    global("bool", &[(&[Bool], Bool), (&[Str], Bool)], convert::to_bool),
    global(
        "int",
        &[(&[Int], Int), (&[Uint], Int), (&[Double], Int), (&[Str], Int), (&[Timestamp], Int)],
        convert::to_int,
    ),
    global("uint", &[(&[Uint], Uint), (&[Int], Uint), (&[Double], Uint), (&[Str], Uint)], convert::to_uint),
    global("double", &[(&[Double], Double), (&[Int], Double), (&[Uint], Double), (&[Str], Double)], convert::to_double),
    global(
        "string",
        &[
            (&[Str], Str),
            (&[Bool], Str),
            (&[Int], Str),
            (&[Uint], Str),
            (&[Double], Str),
            (&[Bytes], Str),
            (&[Duration], Str),
            (&[Timestamp], Str),
            (&[Severity], Str),
        ],
        convert::to_string,
    ),
    global("bytes", &[(&[Bytes], Bytes), (&[Str], Bytes)], convert::to_bytes),
    global("duration", &[(&[Duration], Duration), (&[Str], Duration)], convert::to_duration),
    global("timestamp", &[(&[Timestamp], Timestamp), (&[Str], Timestamp), (&[Int], Timestamp)], convert::to_timestamp),
    global("dyn", &[(&[Any], Sig::Dyn)], convert::to_dyn),
    member("getFullYear", TIME_PART, convert::full_year),
    member("getMonth", TIME_PART, convert::month),
    member("getDate", TIME_PART, convert::date),
    member("getDayOfMonth", TIME_PART, convert::day_of_month),
    member("getDayOfWeek", TIME_PART, convert::day_of_week),
    member("getDayOfYear", TIME_PART, convert::day_of_year),
    member("getHours", TIME_OR_LENGTH, convert::hours),
    member("getMinutes", TIME_OR_LENGTH, convert::minutes),
    member("getSeconds", TIME_OR_LENGTH, convert::seconds),
    member("getMilliseconds", TIME_OR_LENGTH, convert::milliseconds),
];
