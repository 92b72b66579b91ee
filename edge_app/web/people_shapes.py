"""What the page's API takes and gives of people."""

from typing import Annotated, TypeAlias

from pydantic import AwareDatetime, Field

from edge_app.messages import (
    Role,
)
from edge_app.web.shapes import Shape

AccountName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]{0,31}$")]
Password: TypeAlias = Annotated[str, Field(min_length=10, max_length=200)]
GivenPassword: TypeAlias = Annotated[str, Field(max_length=200)]
"""As somebody typed it; what is too short is wrong, not malformed."""


class AccountInfo(Shape):
    """Who is signed in."""

    name: str
    role: Role


class SessionInfo(Shape):
    """Whether somebody is signed in, and who."""

    setup_needed: bool
    account: AccountInfo | None
    csrf_token: str | None
    expires_at: AwareDatetime | None
    device_id: str
    software: str
    disclaimer: str


class Setup(Shape):
    """The first account."""

    code: str = Field(max_length=32)
    name: AccountName
    password: Password


class Login(Shape):
    """Somebody signs in."""

    name: str = Field(max_length=64)
    password: GivenPassword


class PasswordChange(Shape):
    """Somebody changes the own password."""

    old_password: GivenPassword
    new_password: Password


class Account(Shape):
    """Somebody who may use the page."""

    name: str
    role: Role
    created_at: AwareDatetime
    last_login_at: AwareDatetime | None


class AccountList(Shape):
    """Everybody who may use the page."""

    accounts: tuple[Account, ...]


class NewAccount(Shape):
    """An account to make."""

    name: AccountName
    password: Password
    role: Role


class AccountChange(Shape):
    """What of an account is to be another."""

    role: Role | None = None
    password: Password | None = None
