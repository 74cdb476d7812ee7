"""How long a test waits for what must happen."""

#: Seconds after which a test says that something did not happen. It ends a test that would hang and measures nothing:
#: no step takes so long on any machine. Less than pytest's own limit, so that it is said which step it was.
PATIENCE = 100.0
