//! What is wrong before anything is evaluated.

use super::super::Program;
use super::environment;

#[track_caller]
fn refuses(text: &str, wanted: &str) {
    let message = match Program::compile(text, &environment()) {
        Ok(_) => panic!("{text}: is no error"),
        Err(err) => err.to_string(),
    };
    assert!(message.contains(wanted), "{text}: {message}");
}

#[test]
fn names_that_nobody_declared() {
    refuses(
        "objet.spec",
        "undeclared reference to 'objet' (in container '') (line 1, column 1 of the expression); did you mean `object`?",
    );
    refuses("object.spec.containers.al(c, true)", "undeclared reference to 'c'");
    refuses("object.frobnicate()", "undeclared reference to 'frobnicate'");
    refuses("true &&\n  nobody(1)", "undeclared reference to 'nobody' (in container '') (line 2, column 3");
    refuses("Thing{a: 1}", "undeclared reference to 'Thing'");
    refuses("JSONPatch{operation: 'add'}", "undefined field 'operation'");
    refuses(
        "Object{spec: Object.metadata{}}",
        "expected type of field 'spec' is 'Object.spec' but provided type is 'Object.metadata'",
    );
}

#[test]
fn types_that_never_fit() {
    refuses("'a' + 1", "found no matching overload for '_+_' applied to '(string, int)'");
    refuses("'a' == 1", "found no matching overload for '_==_' applied to '(string, int)'");
    refuses("1 && true", "found no matching overload for '_&&_' applied to '(int)'");
    refuses("'a'.startsWith(1)", "found no matching overload for 'startsWith' applied to 'string.(int)'");
    refuses("size(1)", "found no matching overload for 'size' applied to '(int)'");
    refuses("[1, 2].exists(x, x == 'a')", "'_==_' applied to '(int, string)'");
    refuses("[1].map(x, x.startsWith('a'))", "'startsWith' applied to 'int.(string)'");
    refuses("1 in 2", "'@in'");
    refuses("{1.5: 2}", "unsupported key type: double");
    refuses("quantity('1').isLessThan(1)", "'isLessThan'");
    refuses("'a'.b", "does not support field selection");
    refuses("optional.of(1).foo()", "undeclared reference to 'foo'");
    refuses("1 < 'a'", "'_<_' applied to '(int, string)'");
}

#[test]
fn an_expression_must_give_what_is_asked_of_it() {
    let environment = environment();
    assert!(Program::compile_bool("1 + 1", &environment).is_err(), "an int is no bool");
    assert!(Program::compile_bool("object.spec", &environment).is_ok(), "what is not known may be one");
    assert!(Program::compile_string("true", &environment).is_err(), "a bool is no string");
    assert!(Program::compile_object("JSONPatch{op: 'add'}", &environment).is_err(), "a patch is no object");
    assert!(Program::compile_patches("Object{}", &environment).is_err(), "an object is no list of patches");
}
