"""The page for people: the API's answers in Russian, in a browser, with the two dates on each view.

A page: a function in a module here, `@get("/things", sync_to_thread=True, **roles(READ))`, that takes `page: Shown` and
what the API's own routes take (`when`, `reading`, `figures`), turns an answer into plain JSON with `told(...)` and
returns `page.show("things.html", …)`. It stands in `PAGES` of `app.py`, its place in `NAVIGATION` of `page.py`, its
address in `VISITED` of `tests/web/test_pages.py`, which looks at it at 360 and 1600 px, with axe, and with a clock. The
template extends `layout.html` and imports `ui.html`: `table`, `money`, `day`, `link` (keeps both dates), `pages` (the
cursor), `empty`, `chart`. No style and no script stands in a page, no name of a person in an address.

A form: a `Form` in `FORMS` of a module of `entries`, with the path of the command and its fields; `asked_for` makes
them of the command's own type. The rest (JSON body, checks, errors at the fields, one record for a double click,
drafts, where it leads) is `forms.py`. Its address is `/record` and that path, in `VISITED`. The page of a firm, a case
or a cluster leads to its forms by `ui.acts`, that of a record by `/record/corrections/{event_id}`.
"""
