"""The command ``edge-cad``; imports nothing else, so that worker processes start without the command line."""


def main() -> None:
    """Run the command line."""
    from edge_app.cli import app

    app()


if __name__ == "__main__":
    main()
