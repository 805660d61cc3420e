//! The libraries of Kubernetes and of Kyverno.

use serde_json::json;

use super::{check, fails};

#[test]
fn strings_count_characters() {
    check("'héllo'.size()", json!(5));
    check("'héllo'.indexOf('l') + 'héllo'.lastIndexOf('l')", json!(5));
    check("'tacocat'.indexOf('a', 2) + 'tacocat'.lastIndexOf('a', 3)", json!(6));
    check("'tacocat'.substring(4) + 'tacocat'.substring(0, 4)", json!("cattaco"));
    check("['a', 'b'].join('-') + [].join()", json!("a-b"));
    check("'a,b,c'.split(',') + 'a,b,c'.split(',', 2) + 'ab'.split('')", json!(["a", "b", "c", "a", "b,c", "a", "b"]));
    check("'hello'.replace('l', 'L', 1) + 'ab'.replace('', '-')", json!("heLlo-a-b-"));
    check("' x '.trim() + 'AbC'.lowerAscii() + 'AbC'.upperAscii() + 'abc'.reverse()", json!("xabcABCcba"));
    check("'abc'.charAt(1) + 'abc'.charAt(3)", json!("b"));
    check("'nginx:1.2'.matches('^[a-z]+:[0-9.]+$') && 'ab'.contains('b')", json!(true));
    check("'x %s %d %.2f %x %%'.format(['a', 5, 1.5, 255])", json!("x a 5 1.50 ff %"));
    check("'%s %s'.format([[1, 'a'], {'k': true}])", json!("[1, a] {k: true}"));
    check("strings.quote('a\"b')", json!("\"a\\\"b\""));
    check("'abc 123'.find('[0-9]+') + 'a1b2'.findAll('[0-9]').join('')", json!("12312"));
    fails("'abc'.substring(4)", "index out of range");
    fails("'abc'.substring(2, 1)", "invalid substring range");
    fails("'abc'.charAt(4)", "index out of range");
    fails("'%d'.format(['x'])", "error during formatting");
    fails("'a'.matches('(')", "load: no regular expression");
    fails("'a'.matches('a{1001}')", "load: no regular expression");
    fails("'a'.matches(object.kind + '(')", "no regular expression");
    fails("regex.replace('a', '(', '')", "load: no regular expression");
    check("'abc'.split('', 2) + 'ab'.split('', 1) + ''.split('') + 'a,b'.split(',', 0)", json!(["a", "bc", "ab"]));
    check(r"regex.replace('a1b2', '([a-z])([0-9])', r'\2-\1\\', 1)", json!("1-a\\b2"));
}

#[test]
fn lists_and_sets() {
    check("[3, 1, 2].sort() + [1, 1, 2].distinct()", json!([1, 2, 3, 1, 2]));
    check("[[1], [2, [3]]].flatten() == [1, 2, [3]]", json!(true));
    check("[1, 2, 3].sum() + [1, 5].max() + [4, 2].min()", json!(13));
    check("[1, 2, 3].slice(1, 3) + [1, 2].reverse() + lists.range(2)", json!([2, 3, 2, 1, 0, 1]));
    check("['b', 'a'].indexOf('a') + ['a', 'a'].lastIndexOf('a')", json!(2));
    check("['bb', 'a'].sortBy(x, x.size())", json!(["a", "bb"]));
    check("[1, 2].isSorted() && ![2, 1].isSorted()", json!(true));
    check("[1].first().value() + [1, 4].last().value()", json!(5));
    check("sets.contains([1, 2], [2]) && !sets.contains([1], [2]) && sets.contains([], [])", json!(true));
    check(
        "sets.equivalent([1, 2], [2, 1, 1]) && sets.intersects([1], [1, 2]) && !sets.intersects([1], [])",
        json!(true),
    );
    fails("[].max()", "max called on empty list");
    fails("[1].slice(0, 2)", "cannot slice");
}

#[test]
fn numbers_have_functions() {
    check("math.greatest(1, 5.5, 3u)", json!(5.5));
    check("math.least([4, 2])", json!(2));
    check("[math.ceil(1.2), math.floor(-1.2), math.round(2.5), math.trunc(-1.9)]", json!([2, -2, 3, -1]));
    check("math.round(1.2345, 2)", json!(1.23));
    check("[math.abs(-3), math.sign(-2), math.bitAnd(6, 3), math.bitShiftLeft(1, 3)]", json!([3, -1, 2, 8]));
    fails("math.abs(-9223372036854775808)", "integer overflow");
    fails("math.bitShiftLeft(1, -1)", "math.bitShiftLeft() negative offset");
}

#[test]
fn kubernetes_knows_quantities_addresses_and_versions() {
    check("quantity('1Gi').isGreaterThan(quantity('1000Mi'))", json!(true));
    check("quantity('100m').add(quantity('0.9')).asInteger()", json!(1));
    check("quantity('1.5').isInteger()", json!(false));
    check("quantity('0m') == quantity('0') && quantity('1Gi') == quantity('1024Mi')", json!(true));
    check("quantity('1000m') in [quantity('1.0')] && quantity('1') != quantity('1001m')", json!(true));
    check("[isQuantity('5k'), isQuantity('five')]", json!([true, false]));
    check("quantity('2').compareTo(quantity('3'))", json!(-1));
    check("url('https://user@h.example:8080/p%20a?x=1&x=2').getQuery()['x']", json!(["1", "2"]));
    check("url('https://[::1]:80/p').getHostname() + url('https://[::1]:80/p').getPort()", json!("::180"));
    check("[isURL('https://a.b/c'), isURL('../x'), isURL('a b')]", json!([true, false, false]));
    // Where Go finds no host, nobody else may find one.
    for other in ["u#@h/", "good%2ex/", "%65vil/", "a#b/", "a%zz/", "a%+5/", "[::1%41]/", "a\\\\b/", "a%C3%28/"] {
        check(&format!("isURL('https://{other}')"), json!(false));
    }
    check("url('https://a%C3%A9:1/').getHost() + url('https://u%20:p@h/').getHostname()", json!("a\u{e9}:1h"));
    check("url('http://[fe80::1%25en%30]/').getHostname()", json!("fe80::1%en0"));
    check("cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsIP('11.0.0.1')", json!(true));
    check(
        "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8')",
        json!(true),
    );
    check("[isIP('::1'), isIP('1.2.3'), isCIDR('1.2.3.4/33')]", json!([true, false, false]));
    check(
        "ip('127.0.0.1').isLoopback() && ip('::1').family() == 6 && !ip('::ffff').isGlobalUnicast() == false",
        json!(true),
    );
    check("ip.isCanonical('::1') && !ip.isCanonical('0:0:0:0:0:0:0:1')", json!(true));
    check(
        "semver('1.2.3-rc.1').isLessThan(semver('1.2.3')) && semver('1.10.0').isGreaterThan(semver('1.9.9'))",
        json!(true),
    );
    check("[isSemver('v1.0'), isSemver('v1.0', true), isSemver('1.0.0+build')]", json!([false, true, true]));
    check(
        "format.dns1123Label().validate('Not_A').hasValue() && !format.dns1123Label().validate('a-b').hasValue()",
        json!(true),
    );
    check("!format.datetime().validate('2024-02-29t12:30:45z').hasValue()", json!(true));
    check("format.named('uuid').hasValue() && !format.named('none').hasValue()", json!(true));
    check("regex.replace('docker.io/a', '^docker\\\\.io/(.*)', r'mine.io/\\1')", json!("mine.io/a"));
    check("regex.extract('v12', 'v([0-9]+)').value() + regex.extractAll('a1b2', '[0-9]').join('')", json!("1212"));
    check("base64.encode(b'hi') + string(base64.decode('aGk='))", json!("aGk=hi"));
    check("jsonpatch.escapeKey('a/b~c')", json!("a~1b~0c"));
    fails("quantity('x')", "quantities must match");
    fails("ip('::ffff:1.2.3.4')", "IP Address");
}

#[test]
fn kyverno_adds_its_own() {
    check(
        "image('nginx').registry() + '/' + image('nginx').repository() + ':' + image('nginx').tag()",
        json!("index.docker.io/library/nginx:latest"),
    );
    check("[isImage('ghcr.io/a/b:1'), isImage('A B')]", json!([true, false]));
    check("parseServiceAccount('system:serviceaccount:ns:sa').Namespace", json!("ns"));
    check("md5('a') == hash.md5('a') && sha256('a').size() == 64 && sha1('a').startsWith('86f7')", json!(true));
    check("json.unmarshal('{\"a\": [1]}').a[0] + yaml.parse('a: 2').a", json!(3));
    check("json.marshal({'a': 1})", json!("{\"a\":1}"));
    check("time.toCron(time.now())", json!("13 22 14 11 2"));
    check("random('[a-c]{4}').matches('^[a-c]{4}$') && random().size() == 8", json!(true));
    check("listObjToMap([{'n': 'a'}], [{'d': 'x'}], 'n', 'd')", json!({"a": "x"}));
    check("resource.Get('v1', 'configmaps', 'default', 'known').data.a", json!("b"));
    check("resource.get(resource.toGVR('v1', 'configmaps'), 'default', 'known').data.a", json!("b"));
    check("resource.Get(resource.ToGVR('v1', 'ConfigMap'), 'default', 'known').data.a", json!("b"));
    for (kind, path) in [
        ("NetworkPolicy", "networkpolicies"),
        ("Ingress", "ingresses"),
        ("Endpoints", "endpoints"),
        ("Gateway", "gateways"),
    ] {
        let wanted = format!("the answer of the API server to GET `/apis/g/v1/namespaces/n/{path}/x` was not given");
        fails(&format!("resource.Get(resource.ToGVR('g/v1', '{kind}'), 'n', 'x')"), &wanted);
    }
    fails(
        "resource.Post('authorization.k8s.io/v1', 'subjectaccessreviews', {'kind': 'SubjectAccessReview'})",
        "the answer of the API server to POST `/apis/authorization.k8s.io/v1/subjectaccessreviews` was not given",
    );
    // The stand-in answers with the headers that it was asked with.
    check("http.Get('http://echo/', {'X-Token': 'a', 'Accept': 'b'})", json!({"X-Token": "a", "Accept": "b"}));
    check("http.Post('http://echo/', {'a': 1}, {'X-Token': 'a'}).size()", json!(1));
    fails("http.Get('http://echo/', {'X: y': 'a'})", "`X: y` is no header of a request");
    fails("http.Get('http://echo/', {'X': 'a\\nY: z'})", "`X` is no header of a request");
    fails(
        "resource.get('v1', 'secrets', 'default', 'x')",
        "the answer of the API server to GET `/api/v1/namespaces/default/secrets/x` was not given",
    );
    fails(
        "resource.get('v1', 'configmaps', 'default', '../../secrets/x')",
        "`../../secrets/x` is no name of a resource",
    );
    fails("http.get('http://169.254.169.254/')", "the answer to GET `http://169.254.169.254/` was not given");
    fails("globalContext.get('x', '')", "the global context entry `x` was not given");
}
