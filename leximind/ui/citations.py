"""A work as reference, BibTeX and RIS, to copy or to download, in a sheet that the browser itself opens."""

import re
from typing import Final, NamedTuple
from urllib.parse import quote

from markupsafe import Markup

from leximind.library.export import export
from leximind.library.references import write_reference
from leximind.library.work import Work
from leximind.ui.markup import fill, template

SHEET: Final = "lm-cite"
"""The id of the sheet: ``<button popovertarget="lm-cite">`` opens it without a script."""


class Citation(NamedTuple):
    """One form of a citation, and how a file of it is called."""

    name: str
    text: str
    ending: str
    media: str

    @property
    def address(self) -> str:
        """The file itself, so that nothing has to be asked of the server."""
        return f"data:{self.media};charset=utf-8,{quote(self.text, safe='')}"


# A dialog takes the focus when it opens and gives it back; as a popover it opens and closes without a script.
_SHEET = template(
    """
<dialog class="lm-cite" id="{{ sheet }}" popover aria-labelledby="{{ sheet }}-title" data-copies>
<header><h3 id="{{ sheet }}-title">Cite this {{ what }}</h3>
<button type="button" class="lm-cite-close" popovertarget="{{ sheet }}" popovertargetaction="hide" autofocus>
<span class="lm-hidden">Close</span><span aria-hidden="true">×</span></button></header>
{% for citation in citations %}
<section><h4>{{ citation.name }}</h4>
<pre id="{{ sheet }}-{{ citation.ending }}" tabindex="0" role="region" aria-label="{{ citation.name }}">
{{- citation.text.rstrip() -}}
</pre>
<p><button type="button" class="lm-plain-button" data-copy="{{ sheet }}-{{ citation.ending }}"
 data-copied="{{ citation.name }} copied.">Copy<span class="lm-hidden"> {{ citation.name }}</span></button>
<a class="lm-plain-button" href="{{ citation.address }}" download="{{ file }}.{{ citation.ending }}">
Download&nbsp;<span class="lm-hidden">{{ citation.name }} as </span>.{{ citation.ending }}</a></p>
</section>
{% endfor %}
<p class="lm-said" role="status"></p>
</dialog>
"""
)


def cite(work: Work) -> tuple[Citation, ...]:
    """The forms that a work is cited in."""
    return (
        Citation("Reference", write_reference(work) + "\n", "txt", "text/plain"),
        Citation("BibTeX", "".join(export([work], "bibtex")), "bib", "application/x-bibtex"),
        Citation("RIS", "".join(export([work], "ris")), "ris", "application/x-research-info-systems"),
    )


def draw_citations(work: Work) -> Markup:
    """The sheet, closed."""
    file = re.sub(r"[^A-Za-z0-9-]+", "-", work.id)[:80].strip("-") or "work"
    return fill(_SHEET, sheet=SHEET, what=work.kind, citations=cite(work), file=file)
