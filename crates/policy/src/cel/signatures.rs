//! Every function with its types, as one table: what may be called is what stands here.
//!
//! A line is `name(arguments) result`; `type.name(arguments) result` is called on a value, and a name with `::` belongs to a namespace
//! (`sets::contains` is written `sets.contains`). Sources: cel-spec:doc/langdef.md; cel-go:ext; k8s.io/apiserver/pkg/cel/library;
//! kyverno/sdk:cel/libs.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::types::Type;

/// One way to call a function.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Overload {
    /// Whether the first argument stands before the dot.
    pub(crate) receiver: bool,
    pub(crate) args: Vec<Type>,
    /// The result is of the type of the first argument's element or content, where this is `dyn`.
    pub(crate) result: Type,
}

/// Functions of the language and of its extensions, which Kubernetes and Kyverno share.
const COMMON: &str = "
size(string) int; size(bytes) int; size(list) int; size(map) int
string.size() int; bytes.size() int; list.size() int; map.size() int
int(int) int; int(uint) int; int(double) int; int(string) int; int(timestamp) int; int(duration) int
uint(uint) uint; uint(int) uint; uint(double) uint; uint(string) uint
double(double) double; double(int) double; double(uint) double; double(string) double
bool(bool) bool; bool(string) bool
string(string) string; string(int) string; string(uint) string; string(double) string; string(bool) string
string(bytes) string; string(timestamp) string; string(duration) string; string(quantity) string
string(ip) string; string(cidr) string; string(url) string
bytes(bytes) bytes; bytes(string) bytes
timestamp(timestamp) timestamp; timestamp(string) timestamp; timestamp(int) timestamp
duration(duration) duration; duration(string) duration; duration(int) duration
type(dyn) type; dyn(dyn) dyn
string.contains(string) bool; string.startsWith(string) bool; string.endsWith(string) bool
string.matches(string) bool; matches(string, string) bool
timestamp.getFullYear() int; timestamp.getFullYear(string) int; timestamp.getMonth() int; timestamp.getMonth(string) int
timestamp.getDate() int; timestamp.getDate(string) int; timestamp.getDayOfMonth() int
timestamp.getDayOfMonth(string) int; timestamp.getDayOfWeek() int; timestamp.getDayOfWeek(string) int
timestamp.getDayOfYear() int; timestamp.getDayOfYear(string) int; timestamp.getHours() int
timestamp.getHours(string) int; timestamp.getMinutes() int; timestamp.getMinutes(string) int
timestamp.getSeconds() int; timestamp.getSeconds(string) int; timestamp.getMilliseconds() int
timestamp.getMilliseconds(string) int
duration.getHours() int; duration.getMinutes() int; duration.getSeconds() int; duration.getMilliseconds() int
string.charAt(int) string; string.indexOf(string) int; string.indexOf(string, int) int
string.lastIndexOf(string) int; string.lastIndexOf(string, int) int
string.lowerAscii() string; string.upperAscii() string; string.trim() string; string.reverse() string
string.replace(string, string) string; string.replace(string, string, int) string
string.split(string) list(string); string.split(string, int) list(string)
string.substring(int) string; string.substring(int, int) string
list.join() string; list.join(string) string; string.format(list) string; strings::quote(string) string
list.isSorted() bool; list.sum() dyn; list.min() dyn; list.max() dyn; list.indexOf(dyn) int; list.lastIndexOf(dyn) int
list.slice(int, int) list; list.flatten() list; list.flatten(int) list; list.distinct() list; list.sort() list
list.reverse() list; list.first() optional; list.last() optional; lists::range(int) list(int)
string.find(string) string; string.findAll(string) list(string); string.findAll(string, int) list(string)
regex::replace(string, string, string) string; regex::replace(string, string, string, int) string
regex::extract(string, string) optional(string); regex::extractAll(string, string) list(string)
sets::contains(list, list) bool; sets::equivalent(list, list) bool; sets::intersects(list, list) bool
math::ceil(double) double; math::floor(double) double; math::round(double) double; math::trunc(double) double
math::round(double, int) double
math::abs(dyn) dyn; math::sign(dyn) dyn; math::sqrt(dyn) double
math::isNaN(double) bool; math::isInf(double) bool; math::isFinite(double) bool
math::bitAnd(dyn, dyn) dyn; math::bitOr(dyn, dyn) dyn; math::bitXor(dyn, dyn) dyn; math::bitNot(dyn) dyn
math::bitShiftLeft(dyn, int) dyn; math::bitShiftRight(dyn, int) dyn
base64::encode(bytes) string; base64::decode(string) bytes
optional::of(dyn) optional; optional::ofNonZeroValue(dyn) optional; optional::none() optional
optional::unwrap(list) list; list.unwrapOpt() list
optional.hasValue() bool; optional.value() dyn; optional.or(optional) optional; optional.orValue(dyn) dyn
url(string) url; isURL(string) bool; url.getScheme() string; url.getHost() string; url.getHostname() string
url.getPort() string; url.getEscapedPath() string; url.getQuery() map(string list(string))
ip(string) ip; isIP(string) bool; ip::isCanonical(string) bool; ip.family() int; ip.isUnspecified() bool
ip.isLoopback() bool; ip.isLinkLocalMulticast() bool; ip.isLinkLocalUnicast() bool; ip.isGlobalUnicast() bool
cidr(string) cidr; isCIDR(string) bool; cidr.containsIP(string) bool; cidr.containsIP(ip) bool
cidr.containsCIDR(string) bool; cidr.containsCIDR(cidr) bool; cidr.ip() ip; cidr.masked() cidr; cidr.prefixLength() int
quantity(string) quantity; isQuantity(string) bool; quantity.sign() int; quantity.isInteger() bool
quantity.asInteger() int; quantity.asApproximateFloat() double
quantity.add(quantity) quantity; quantity.add(int) quantity; quantity.sub(quantity) quantity
quantity.sub(int) quantity; quantity.isLessThan(quantity) bool; quantity.isGreaterThan(quantity) bool
quantity.compareTo(quantity) int
semver(string) semver; semver(string, bool) semver; isSemver(string) bool; isSemver(string, bool) bool
semver.major() int; semver.minor() int; semver.patch() int
semver.isLessThan(semver) bool; semver.isGreaterThan(semver) bool; semver.compareTo(semver) int
format::named(string) optional; format.validate(string) optional(list(string))
format::dns1123Label() format; format::dns1123Subdomain() format; format::dns1035Label() format
format::dns1123LabelPrefix() format; format::dns1123SubdomainPrefix() format; format::dns1035LabelPrefix() format
format::qualifiedName() format; format::labelValue() format; format::uri() format; format::uuid() format
format::byte() format; format::date() format; format::datetime() format
jsonpatch::escapeKey(string) string
";

/// Functions of Kyverno's own policies.
const KYVERNO: &str = "
resource::toGVR(string, string) gvr
image(string) image; parseImageReference(string) image; isImage(string) bool
image.registry() string; image.repository() string; image.identifier() string; image.tag() string
image.digest() string; image.containsDigest() bool; image.identifierWithSeparator() string
parseServiceAccount(string) map(string string); user::parseServiceAccount(string) map(string string)
random() string; random(string) string; random::random() string; random::random(string) string
json::unmarshal(string) dyn; json::marshal(dyn) string; yaml::parse(string) dyn
md5(string) string; sha1(string) string; sha256(string) string
hash::md5(string) string; hash::sha1(string) string; hash::sha256(string) string
time::now() timestamp; time::truncate(timestamp, duration) timestamp; time::toCron(timestamp) string
x509::decode(string) dyn
listObjToMap(list, list, string, string) map; transform::listObjToMap(list, list, string, string) map
";

/// Those of them whose answers lie outside.
const FETCHING: &str = "
resource::get(string, string, string, string) dyn; resource::list(string, string, string) dyn
resource::get(gvr, string, string) dyn; resource::list(gvr, string) dyn; resource::list(gvr, string, map) dyn
resource::list(string, string, string, map) dyn; resource::get(string, string, string, string, list) dyn
resource::get(gvr, string, string, list) dyn; resource::get(string, string, string) dyn
resource::list(string, string) dyn; resource::post(string, string, string, map) dyn
resource::post(string, string, map) dyn; http::get(string) dyn; http::get(string, map) dyn
http::post(string, dyn) dyn; http::post(string, dyn, map) dyn; http::put(string, dyn) dyn
http::put(string, dyn, map) dyn; http::patch(string, dyn) dyn; http::patch(string, dyn, map) dyn
image::getMetadata(string) dyn
";

/// What was fetched for all policies together.
const GLOBAL: &str = "
globalContext::get(string) dyn; globalContext::get(string, string) dyn
";

/// Functions of image validation: what they answer is evidence that was handed in.
const IMAGES: &str = "
verifyImageSignatures(string, list) int; verifyAttestationSignatures(string, dyn, list) int
extractPayload(string, dyn) dyn; payload(string, dyn) dyn; getImageData(string) dyn
";

/// The `authorizer` of Kubernetes.
const AUTHORIZER: &str = "
authorizer.path(string) authorizer.path; authorizer.group(string) authorizer.group
authorizer.serviceAccount(string, string) authorizer
authorizer.path.check(string) authorizer.decision; authorizer.group.resource(string) authorizer.resource
authorizer.resource.subresource(string) authorizer.resource; authorizer.resource.namespace(string) authorizer.resource
authorizer.resource.name(string) authorizer.resource; authorizer.resource.check(string) authorizer.decision
authorizer.resource.fieldSelector(string) authorizer.resource; authorizer.resource.labelSelector(string) authorizer.resource
authorizer.decision.errored() bool; authorizer.decision.error() string; authorizer.decision.allowed() bool
authorizer.decision.reason() string
";

/// Which tables an expression may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Libraries {
    pub(crate) kyverno: bool,
    pub(crate) fetching: bool,
    pub(crate) global: bool,
    pub(crate) images: bool,
    pub(crate) authorizer: bool,
}

type Table = BTreeMap<String, Vec<Overload>>;

fn table(text: &str) -> Table {
    let mut table = Table::new();
    for line in text.split(['\n', ';']).map(str::trim).filter(|line| !line.is_empty()) {
        // `map(string list(string))` ends in brackets of its own.
        let Some(end) = line.find('(').and_then(|open| closing(line, open)) else { continue };
        let (Some(head), Some(result)) = (line.get(..end), line.get(end + 1..)) else { continue };
        let Some((name, args)) = head.split_once('(') else { continue };
        let mut types: Vec<Type> = args.split(", ").filter(|arg| !arg.trim().is_empty()).map(Type::parse).collect();
        let (name, receiver) = match name.rsplit_once('.') {
            Some((receiver, name)) => {
                types.insert(0, Type::parse(receiver));
                (name.to_owned(), true)
            }
            None => (name.replace("::", "."), false),
        };
        table.entry(name).or_default().push(Overload { receiver, args: types, result: Type::parse(result) });
    }
    table
}

/// Where the bracket closes that opens at `open`.
fn closing(line: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, letter) in line.char_indices().skip_while(|(index, _)| *index < open) {
        match letter {
            '(' => depth += 1,
            ')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(index);
                }
            }
            _ => {}
        }
    }
    None
}

fn tables() -> &'static [Table; 6] {
    static TABLES: OnceLock<[Table; 6]> = OnceLock::new();
    TABLES.get_or_init(|| [COMMON, KYVERNO, FETCHING, GLOBAL, IMAGES, AUTHORIZER].map(table))
}

impl Libraries {
    fn tables(self) -> impl Iterator<Item = &'static Table> {
        let wanted = [true, self.kyverno, self.fetching, self.global, self.images, self.authorizer];
        tables().iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(table, _)| table)
    }

    /// The ways to call a function; empty if nobody knows it.
    pub(crate) fn overloads(self, name: &str) -> Vec<&'static Overload> {
        self.tables().filter_map(|table| table.get(name)).flatten().collect()
    }

    /// Whether a name is that of a function, and the name that it goes by: Kyverno writes `resource.Get` and `resource.get`.
    pub(crate) fn canonical(self, name: &str) -> Option<String> {
        if variadic(name) || !self.overloads(name).is_empty() {
            return Some(name.to_owned());
        }
        let (space, function) = name.split_once('.')?;
        let mut letters = function.chars();
        let lower: String = letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect();
        let lower = if lower == "toGvr" { "toGVR".to_owned() } else { lower };
        let known = format!("{space}.{lower}");
        (!self.overloads(&known).is_empty()).then_some(known)
    }

    /// The names of all functions, for hints.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        self.tables().flat_map(|table| table.keys().map(String::as_str))
    }
}

/// Which argument of a function is a regular expression, counted without what stands before the dot, or behind the text if nothing does.
pub(crate) fn pattern_at(name: &str) -> Option<usize> {
    matches!(name, "matches" | "find" | "findAll" | "regex.replace" | "regex.extract" | "regex.extractAll").then_some(0)
}

/// Functions that take any number of arguments.
pub(crate) fn variadic(name: &str) -> bool {
    matches!(name, "math.greatest" | "math.least")
}
