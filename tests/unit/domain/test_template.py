"""Templates merge values as data: whatever a value holds, it stays a value."""

import time
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.domain.errors import Invalid, Reason
from octavo.domain.template import Template, render_email, render_sms, render_subject, render_text

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
NASTY = st.lists(
    st.sampled_from(
        [
            "((",
            "))",
            "((name))",
            "??",
            "# ",
            "* ",
            "1. ",
            "^ ",
            "---",
            "\n",
            "\n\n",
            "[a](https://e.com)",
            "https://e.com",
            "<script>",
            "</p>",
            "&lt;",
            "'",
            '"',
            "[x](javascript:alert(1))",
            "\\",
            "a",
            " ",
            "%",
            "0",
        ]
    ),
    max_size=8,
).map("".join)


def sms(source, **values):
    return render_sms(Template.parse(source), values)


def html(source, **values):
    whole = render_email(Template.parse(source), values).html
    return whole[whole.index('px">\n') + 5 : whole.index("\n</div>")]


def plain(source, **values):
    return render_email(Template.parse(source), values).plain


class Tags(HTMLParser):
    """The tags and the text of some HTML."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name == "href"]

    def handle_data(self, data):
        self.text += data


# Placeholders


@pytest.mark.parametrize(
    ("source", "values", "merged"),
    [
        ("Dear ((name))", {"name": "Ann"}, "Dear Ann"),
        ("((First Name))", {"first_name": "Ann"}, "Ann"),
        ("((first-name))", {"FIRSTNAME": "Ann"}, "Ann"),
        ("((a)) ((A))", {"a": "x"}, "x x"),
        ("(((name)))", {"name": "Ann"}, "(Ann)"),
        ("((a(b)))", {"a(b)": "x"}, "x"),
        ("((show??yes (really)))!", {"show": "Y"}, "yes (really)!"),
        ("((show??yes)) end", {"show": "no"}, " end"),
        ("((show??a??b))", {"show": "1"}, "a??b"),
        ("((things))", {"things": ["a", "b", "c"]}, "a, b and c"),
        ("((things))", {"things": ["a", "b"]}, "a and b"),
        ("((things))", {"things": ["a"]}, "a"),
        ("((things))", {"things": []}, ""),
        ("(()) (( )) ((-)) (x) ((", {}, "(()) (( )) ((-)) (x) (("),
        ("((a\nb))", {}, "((a\nb))"),
        (")) ((a)) ((b", {"a": "x"}, ")) x ((b"),
        ("((x.__class__))", {"x.__class__": "text"}, "text"),
        ("{x} %s {{x}} ${x}", {}, "{x} %s {{x}} ${x}"),
    ],
)
def test_merging(source, values, merged):
    assert render_sms(Template.parse(source), values) == merged


@pytest.mark.parametrize("word", ["yes", "y", "true", "t", "1", "include", "show", "YES", "True", " yes "])
def test_words_that_keep_conditional_text(word):
    assert sms("((x??kept))", x=word) == "kept"


@pytest.mark.parametrize("word", ["no", "", "0", "false", "yes please", "2"])
def test_words_that_drop_it(word):
    assert sms("((x??kept))", x=word) == ""


def test_placeholders_are_listed_once_in_order_as_first_written():
    template = Template.parse("((First name)) ((show??x)) ((first_name)) ((b)) ((b??y))")
    assert template.placeholders == ("First name", "show", "b")
    assert template.conditional == {"show"}


def test_an_exact_name_wins_over_another_spelling():
    assert sms("((name))", Name="other", name="exact") == "exact"


@given(TEXTS | NASTY)
def test_a_value_is_never_read_again(value):
    assert sms("<((a))> ((b))", a=value, b="x") == f"<{value}> x"


@given(st.lists(TEXTS | NASTY, max_size=3).map("".join))
def test_a_text_merged_with_its_own_placeholders_is_itself(source):
    template = Template.parse(source)
    shown = {name: f"(({name}))" for name in template.placeholders}
    assert len(template.placeholders) >= len(template.conditional)
    if "??" not in source and len({*template.placeholders}) == source.count("(("):
        assert render_sms(template, shown).replace(" ", "") == source.replace(" ", "")


def test_every_missing_name_is_listed():
    with pytest.raises(Invalid) as caught:
        sms("((a)) ((b)) ((c??x)) ((a))", b="given")
    assert caught.value.reason is Reason.MISSING_PERSONALISATION
    assert [violation.field for violation in caught.value.violations] == ["personalisation[a]", "personalisation[c]"]


def test_an_empty_value_is_a_value():
    assert sms("<((a))>", a="") == "<>"


def test_the_service_name_goes_before_a_text():
    assert render_sms(Template.parse("Hi"), {}, "Octavo") == "Octavo: Hi"
    assert render_sms(Template.parse("Hi"), {}, None) == "Hi"


# Subjects


def test_a_subject_is_one_line_with_values_as_they_are():
    assert render_subject(Template.parse("For ((names)) & co"), {"names": ["A", "<B>"]}) == "For A and <B> & co"


@pytest.mark.parametrize("mark", list("\r\n\x1c\x85\u2028\u2029\x00"))
def test_a_value_that_breaks_the_subjects_line_is_named(mark):
    values = {"NAME": f"x{mark}Bcc: y@example.com", "address": "two\nlines"}
    with pytest.raises(Invalid) as caught:
        render_subject(Template.parse("Hi ((name))"), values)
    assert [(violation.field, violation.reason) for violation in caught.value.violations] == [
        ("personalisation[NAME]", Reason.HEADER_INJECTION)
    ]


def test_a_template_that_breaks_the_line_is_named_itself():
    with pytest.raises(Invalid) as caught:
        render_subject(Template.parse("Hi\nthere"), {})
    assert (caught.value.field, caught.value.reason) == ("subject", Reason.HEADER_INJECTION)


@pytest.mark.parametrize(("source", "reason"), [("((a))", Reason.EMPTY_CONTENT), ("x" * 999, Reason.CONTENT_TOO_LONG)])
def test_a_subject_is_neither_empty_nor_endless(source, reason):
    with pytest.raises(Invalid) as caught:
        render_subject(Template.parse(source), {"a": " "})
    assert caught.value.reason is reason


# Email bodies


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("# A\n## B\n###### C", "<h1>A</h1>\n<h2>B</h2>\n<h3>C</h3>"),
        ("#nospace", "<p>#nospace</p>"),
        ("one\ntwo\n\nthree", "<p>one<br>two</p>\n<p>three</p>"),
        ("one\r\ntwo", "<p>one<br>two</p>"),
        ("* a\n- b\n+ c\n• d", "<ul><li>a</li><li>b</li><li>c</li><li>d</li></ul>"),
        ("text\n* a\n  more", "<p>text</p>\n<ul><li>a<br>more</li></ul>"),
        ("1. a\n2) b", "<ol><li>a</li><li>b</li></ol>"),
        ("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
        ("a\n\n---\n\nb", "<p>a</p>\n<hr>\n<p>b</p>"),
        ("^ a\n^b", "<blockquote>a<br>b</blockquote>"),
        ("<b>&\"'", "<p>&lt;b&gt;&amp;&quot;&#x27;</p>"),
        ("*not emphasised*", "<p>*not emphasised*</p>"),
        ("[Go](https://e.com/?a=1&b=2)", '<p><a href="https://e.com/?a=1&amp;b=2">Go</a></p>'),
        ("[Write](mailto:a@e.com)", '<p><a href="mailto:a@e.com">Write</a></p>'),
        ("See https://e.com/x.", '<p>See <a href="https://e.com/x">https://e.com/x</a>.</p>'),
        ("(https://e.com)", '<p>(<a href="https://e.com">https://e.com</a>)</p>'),
        ("[x](javascript:a)", "<p>x (javascript:a)</p>"),
        ("[x](data:text/html,y)", "<p>x (data:text/html,y)</p>"),
        ("[x](//e.com)", "<p>x (//e.com)</p>"),
        ("[x](javascript:https://e.com)", "<p>x (javascript:https://e.com)</p>"),
    ],
)
def test_the_small_markdown(source, written):
    assert html(source) == written


def test_plain_text_reads_well():
    source = "# Hello\n\nOne [link](https://e.com) and https://e.com\n* a\n* b\n\n2. c\n3. d\n\n---\n^ q\n^ r"
    assert plain(source) == (
        "Hello\n=====\n\nOne link (https://e.com) and https://e.com\n\n• a\n• b\n\n2. c\n3. d\n\n"
        + "-" * 65
        + "\n\n  q\n  r\n"
    )


@pytest.mark.parametrize("source", ["((things))", "* ((things))"])
def test_a_list_becomes_bullets(source):
    assert html(source, things=["a", "* b", "# c"]) == "<ul><li>a</li><li>* b</li><li># c</li></ul>"
    assert render_text(Template.parse(source), {"things": ["a", "b"]}) == "* a\n* b"


def test_a_list_in_the_middle_of_a_line_gets_lines_of_its_own():
    assert (
        html("Bring ((things)) please", things=["a", "b"])
        == "<p>Bring</p>\n<ul><li>a</li><li>b</li></ul>\n<p>please</p>"
    )


def test_a_second_list_on_a_line_starts_a_line_too():
    assert html("((a)) ((b))", a=["x"], b=["y"]).count("<li>") == 2


@pytest.mark.parametrize("source", ["((v))", "# ((v))", "* ((v))", "^ ((v))", "[((v))](https://e.com)", "x ((v)) y"])
@given(value=(TEXTS | NASTY).filter(str.strip))
def test_no_value_makes_mark_up_or_links(source, value):
    calm, wild = Tags(html(source, v="@@")), Tags(html(source, v=value))
    # A line break in a value is a line break, and no more.
    assert [tag for tag in wild.tags if tag != "br"] == calm.tags
    assert wild.links == calm.links
    assert wild.text == calm.text.replace("@@", value.replace("\n", ""))


@given(value=(TEXTS | NASTY).filter(str.strip))
def test_no_value_changes_the_text_form(value):
    assert plain("((v))", v=value) == f"{value}\n"


@given(value=NASTY | TEXTS)
def test_a_value_inside_a_url_is_one_part_of_it(value):
    (link,) = Tags(html("[Go](https://e.com/((v))?x=1)", v=value)).links
    assert link.startswith("https://e.com/")
    assert link.endswith("?x=1")
    assert not set(link[14:-4]) & set("?#&<>\"' \n")


@pytest.mark.parametrize("target", ["https://e.com/?a=1&b=%20#c", "http://e.com", "mailto:a@e.com"])
def test_a_value_may_be_a_whole_url(target):
    assert Tags(html("[Go](((v)))", v=target)).links == [target]


@pytest.mark.parametrize(
    "target",
    ["javascript:alert(1)", " javascript:x", "JaVaScRiPt:x", "data:text/html,x", "java\nscript:x", "x", "", "//e.com"],
)
def test_a_value_of_another_scheme_is_no_link(target):
    written = html("[Go](((v)))", v=target)
    assert Tags(written).links == []
    assert target in unescape(written).replace("<br>", "\n")


@given(st.lists(NASTY | TEXTS, max_size=6).map("".join))
def test_any_template_renders_to_the_known_tags_only(source):
    template = Template.parse(f"text\n{source}")
    body = render_email(template, dict.fromkeys(template.placeholders, "<i>yes</i>"))
    inside = body.html[body.html.index("<div") :]
    parsed = Tags(inside)
    assert set(parsed.tags) <= {"div", "p", "h1", "h2", "h3", "ul", "ol", "li", "a", "br", "hr", "blockquote"}
    assert all(link.lower().startswith(("https://", "http://", "mailto:")) for link in parsed.links)
    assert "\x00" not in body.html + body.plain


def test_the_body_is_the_template_merged_and_no_more():
    assert render_text(Template.parse("# Hi ((name))\n<b>"), {"name": "& [x](y)"}) == "# Hi & [x](y)\n<b>"


def test_nul_in_a_template_can_not_pass_for_a_value():
    assert html("\x000\x00 ((a))", a="secret") == "<p>\ufffd0\ufffd secret</p>"


def test_two_megabytes_are_the_limit_counted_in_bytes():
    assert render_text(Template.parse("((a))"), {"a": "é" * 1_000_000})
    with pytest.raises(Invalid) as caught:
        render_text(Template.parse("((a))b"), {"a": "é" * 1_000_000})
    assert caught.value.reason is Reason.CONTENT_TOO_LONG


@pytest.mark.parametrize("value", ["x" * 1_000_000, ["x" * 1_000] * 1_000])
def test_a_large_value_in_many_places_is_refused_before_it_takes_memory(value):
    template = Template.parse("((a))" * 100_000)
    for render in (render_sms, render_text, render_email, render_subject):
        with pytest.raises(Invalid) as caught:
            render(template, {"a": value})
        assert caught.value.reason is Reason.CONTENT_TOO_LONG


@pytest.mark.parametrize(
    "source",
    [
        "(" * 1_000_000,
        ")" * 1_000_000,
        "()" * 500_000,
        "((" * 250_000 + "))" * 250_000,
        "((a))" * 100_000,
        "((a " * 250_000,
        "((a??" * 100_000 + ")" * 500_000,
        ")) ((" * 200_000,
        "[" * 1_000_000,
        "[a](" * 250_000,
        "[a](" + "x" * 1_000_000,
        "https://" * 120_000,
        "*" * 1_000_000 + "x",
        "* " * 500_000,
        "# " * 500_000,
        "* ((a))\n" * 50_000,
    ],
    ids=lambda source: f"{source[:8]!r}",
)
def test_a_megabyte_of_anything_takes_linear_time(source):
    started = time.process_time()
    template = Template.parse(source)
    render_email(template, dict.fromkeys(template.placeholders, "x"))
    assert time.process_time() - started < 5


@given(st.lists(st.tuples(NASTY, st.sampled_from(["a", "b", "A"]))), NASTY, TEXTS, TEXTS)
def test_a_text_is_the_same_merged_at_once_and_piece_by_piece(parts, rest, a, b):
    source = "".join(f"{text}(({name}))" for text, name in parts) + rest
    template = Template.parse(source)
    values = {name: a if name.casefold() == "a" else b for name in template.placeholders}
    # A list of one reads as its value, and is merged piece by piece.
    listed = {name: [value] for name, value in values.items()}
    assert render_sms(template, values) == render_sms(template, listed)


def test_values_that_are_too_long_together_are_refused_before_they_are_merged():
    template = Template.parse("((a))" * 1_000)
    with pytest.raises(Invalid) as refused:
        render_sms(template, {"a": "x" * 10_000_000})
    assert refused.value.reason is Reason.CONTENT_TOO_LONG


def test_a_percent_sign_is_a_percent_sign():
    assert sms("100 % of ((a)), %s, %(b)s, 5%", a="%s %d %%") == "100 % of %s %d %%, %s, %(b)s, 5%"
