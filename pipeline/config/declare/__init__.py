"""
Declarations: classes whose fields say what a part of a definition may hold, and check it.

::

    class Csv(Section):
        "How CSV is written."

        delimiter: Annotated[str, Then(one_character)] = Field(default=",", description="...")

All mistakes of a document are found at once, each with its place (`Trial`), and the same
declarations describe the document to editors (`description_of`). It is a small part of what
pydantic does; importing that, and building its models, took as long as everything else up to the
first request together.
"""
