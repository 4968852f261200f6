class Inner:
    class Nested:
        class Deeper:
            x: int = 1

        y: "Inner.Nested.Deeper"

        def give(self) -> "Inner.Nested.Deeper":
            return self.Deeper()  # noqa

    def nested(self) -> "Inner.Nested":
        return self.Nested()


def thing() -> Inner:
    return Inner()
