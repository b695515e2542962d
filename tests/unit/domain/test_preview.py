from hypothesis import given
from hypothesis import strategies as st

from octavo.domain.preview import missing_placeholders, with_gaps
from octavo.domain.template import Template, render_sms, render_text

NAMES = ["name", "Second Name", "third_name"]
PIECES = st.sampled_from(["text ", "((name))", "((Second Name))", "((third_name??kept))", "(", "))", "\n"])


def shown(source, **values):
    template, filled = with_gaps(Template.parse(source), values)
    return render_text(template, filled)


def test_a_placeholder_without_a_value_stays_as_it_is():
    assert shown("Hi ((name)), ((code))", code="1") == "Hi ((name)), 1"
    assert shown("((show??some text)) of ((name))", name="x") == "((show??some text)) of x"
    assert shown("(( first name )), ((First Name)) of ((name))", name="x") == "(( first name )), ((First Name)) of x"


def test_names_match_as_they_do_when_sending():
    template = Template.parse("((First Name)) ((last_name))")
    assert missing_placeholders(template, {"firstname": "a"}) == ["last_name"]
    assert missing_placeholders(template, {"FIRST-NAME": "a", "Last Name": []}) == []


def test_a_value_that_looks_like_a_placeholder_is_a_value():
    assert shown("((a)) ((b))", a="((b))") == "((b)) ((b))"


@given(st.lists(PIECES).map("".join))
def test_without_any_value_the_text_of_the_template_is_shown(source):
    template = Template.parse(source)
    filled, values = with_gaps(template, {})
    assert render_sms(filled, values) == source
    assert missing_placeholders(template, {}) == list(template.placeholders)


@given(st.lists(PIECES).map("".join), st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["yes", "no", "((x))"])))
def test_what_is_shown_misses_nothing_that_a_send_needs(source, personalisation):
    template = Template.parse(source)
    missing = missing_placeholders(template, personalisation)
    filled, values = with_gaps(template, personalisation)
    text = render_sms(filled, values)
    if not missing:
        assert text == render_sms(template, personalisation)
    for name in missing:
        assert f"(({name}" in text
