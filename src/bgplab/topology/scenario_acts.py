"""The language of a scenario's acts: what it does to a running lab, each act a model."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from bgplab.topology.fields import Duration, Endpoints, Model, Name, RouterName
from bgplab.topology.policy import Neighbors, Rules
from bgplab.topology.scenario_fields import (
    At,
    Community,
    Message,
    Number32,
    Octets,
    Prefixes,
    Routers,
    SessionOf,
    Span,
    kind_of,
)

MAX_TURNS = 10_000
MAX_HOGS = 1_024
_END = "The router that does it. Left out: the one named first."


class Originated(Model):
    """Whose prefixes, and which."""

    at: At = Field(description="The router, or a list of them.")
    prefix: Prefixes = Field(description="The prefix, or a list of them.")


class Announced(Originated):
    """What is announced."""

    med: Number32 | None = Field(
        default=None, description="MULTI_EXIT_DISC. Left out: none is sent."
    )
    communities: list[Community] = Field(
        default=[], description="COMMUNITIES, such as [65000:10, no-export]. Left out: none."
    )


class Flapped(Originated):
    """What flaps, and how."""

    times: Annotated[int, Field(ge=1, le=MAX_TURNS)] = Field(
        description="How often the prefixes go and come back."
    )
    period: Span = Field(
        description="What one turn takes; half of it long the prefixes are gone."
    )


class LinkOf(Model):
    """Which link."""

    link: Endpoints = Field(description="The link, as r1-r2 or [r1, r2].")


class Delayed(LinkOf):
    """Which link, and how long octets spend on it."""

    delay: Duration = Field(description="One-way delay, either way; 0s is none.")
    jitter: Duration = Field(
        default=0.0, description="Up to this much more, drawn for each write (order is kept)."
    )


class Reset(SessionOf):
    """Which session, and who tears it down."""

    end: Name = Field(default="", description=_END)


class SessionsOf(Model):
    """Which session and by whom, or all sessions of routers."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": [key]} for key in ("link", "session", "at")],
            "dependencies": {"end": {"not": {"required": ["at"]}}},
        }
    )

    link: Endpoints | None = Field(default=None, description="The link whose session it is.")
    session: Endpoints | None = Field(
        default=None, description="The two routers of the session; it needs no link (iBGP)."
    )
    end: Name = Field(default="", description=_END)
    at: At | None = Field(
        default=None, description="The router, or a list of them: all their sessions."
    )

    @model_validator(mode="after")
    def _one(self) -> SessionsOf:
        given = [value for value in (self.link, self.session, self.at) if value is not None]
        if len(given) != 1:
            raise ValueError("expected one of 'link', 'session' and 'at'")
        if self.at is not None and self.end:
            raise ValueError("'end' is for a link or a session; 'at' names the routers itself")
        return self


class Shutdown(SessionsOf):
    """Which sessions are shut down, and what the peers are told."""

    message: Message = Field(
        default="", description="What the peers read (RFC 9003): at most 255 octets of text."
    )


class PolicyOf(Model):
    """Whose rules, towards whom, and what they are from now on."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": [key]} for key in ("import", "export", "leak")]
        }
    )

    at: At = Field(description="The router, or a list of them.")
    neighbor: Neighbors | None = Field(
        default=None,
        description="The peer, or a list of them. Left out: all in other ASes, as for the "
        "rules of a router.",
    )
    imports: Rules | None = Field(
        default=None,
        alias="import",
        description="Rules for what comes in; they take effect by a route refresh (RFC 2918). "
        "[] accepts all. Left out: as before.",
    )
    exports: Rules | None = Field(
        default=None,
        alias="export",
        description="Rules for what goes out; they take effect at once. [] announces all. Left "
        "out: as before.",
    )
    leak: bool | None = Field(
        default=None,
        description="true: all routes go out, whatever the relationship of the link says (a "
        "route leak, RFC 7908); false: no longer. Left out: as before.",
    )

    @model_validator(mode="after")
    def _some(self) -> PolicyOf:
        if self.imports is self.exports is None and self.leak is None:
            raise ValueError("expected 'import', 'export' or 'leak'")
        return self


class SentOctets(SessionOf):
    """Over which connection, by whom, and what."""

    from_: Name = Field(alias="from", description="The router at whose end they are written.")
    hex_: Octets = Field(
        alias="hex",
        description="The octets in hexadecimal, as quoted text; spaces may stand between them. "
        "At most 65536.",
    )


class Hog(Model):
    """How much of the machine is taken."""

    processes: Annotated[int, Field(ge=1, le=MAX_HOGS)] = Field(
        description="How many processes beside the lab compute."
    )
    for_: Span = Field(alias="for", description="How long; the scenario goes on meanwhile.")


class AtOf(Model):
    """Which routers."""

    at: At = Field(description="The router, or a list of them.")


Which = Annotated[
    Annotated[RouterName, Tag("<one>")]
    | Annotated[Routers, Tag("<list>")]
    | Annotated[AtOf, Tag("<map>")],
    Discriminator(kind_of),
]


class AnnounceStep(Model):
    """Announce prefixes."""

    announce: Announced = Field(
        description="Routers originate prefixes, or change how they announce them."
    )


class WithdrawStep(Model):
    """Withdraw prefixes."""

    withdraw: Originated = Field(description="Routers withdraw prefixes of their own.")


class FlapStep(Model):
    """Withdraw and announce again."""

    flap: Flapped = Field(
        description="Routers withdraw prefixes of their own and announce them again as they "
        "were, several times. The next step comes after the last time."
    )


class LinkDownStep(Model):
    """Cut a link."""

    link_down: LinkOf = Field(
        description="Cuts a link: both ends see it at once, and it stays down."
    )


class LinkUpStep(Model):
    """Mend a link."""

    link_up: LinkOf = Field(description="Mends a link that was cut; its session comes back.")


class BlackholeStep(Model):
    """Let a link swallow octets."""

    blackhole: LinkOf = Field(
        description="Lets a link swallow all octets, either way, in silence: hold timers have "
        "to find it."
    )


class HealStep(Model):
    """Let a link carry octets again."""

    heal: LinkOf = Field(description="Lets a link that swallowed octets carry them again.")


class DelayStep(Model):
    """Change how long octets spend on a link."""

    delay: Delayed = Field(description="Changes how long octets spend on a link.")


class SessionResetStep(Model):
    """Reset a session."""

    session_reset: Reset = Field(
        description="Tears a session down (Cease, Administrative Reset); it comes back."
    )


class AdminShutdownStep(Model):
    """Shut sessions down."""

    admin_shutdown: Shutdown = Field(
        description="Shuts sessions down (Cease, Administrative Shutdown); they stay down."
    )


class AdminUpStep(Model):
    """Start sessions that were shut down."""

    admin_up: SessionsOf = Field(description="Starts sessions that were shut down.")


class PolicyStep(Model):
    """Give routers other rules."""

    policy: PolicyOf = Field(
        description="Gives routers other rules in place of those that they have; relationships "
        "stay."
    )


class SendOctetsStep(Model):
    """Write octets into a connection."""

    send_octets: SentOctets = Field(
        description="Writes octets into the connection of a session, past the state machine of "
        "the router."
    )


class KillStep(Model):
    """Kill routers."""

    kill: Which = Field(description="Kills routers, one or a list, as a crash would (SIGKILL).")


class RestartStep(Model):
    """Start routers anew."""

    restart: Which = Field(
        description="Starts routers, one or a list, anew as the file has them; one that still "
        "runs is killed first."
    )


class PauseStep(Model):
    """Stop routers in their tracks."""

    pause: Which = Field(
        description="Stops routers, one or a list, in their tracks (SIGSTOP): alive but silent."
    )


class ResumeStep(Model):
    """Let paused routers go on."""

    resume: Which = Field(description="Lets paused routers, one or a list, go on (SIGCONT).")


class HogCpuStep(Model):
    """Take the machine's processors."""

    hog_cpu: Hog = Field(
        description="Processes beside the lab compute for a while. No effect in virtual time."
    )


ACTS: dict[str, type[Model]] = {
    "announce": AnnounceStep,
    "withdraw": WithdrawStep,
    "flap": FlapStep,
    "link-down": LinkDownStep,
    "link-up": LinkUpStep,
    "blackhole": BlackholeStep,
    "heal": HealStep,
    "delay": DelayStep,
    "session-reset": SessionResetStep,
    "admin-shutdown": AdminShutdownStep,
    "admin-up": AdminUpStep,
    "policy": PolicyStep,
    "send-octets": SendOctetsStep,
    "kill": KillStep,
    "restart": RestartStep,
    "pause": PauseStep,
    "resume": ResumeStep,
    "hog-cpu": HogCpuStep,
}
Act = (
    AnnounceStep
    | WithdrawStep
    | FlapStep
    | LinkDownStep
    | LinkUpStep
    | BlackholeStep
    | HealStep
    | DelayStep
    | SessionResetStep
    | AdminShutdownStep
    | AdminUpStep
    | PolicyStep
    | SendOctetsStep
    | KillStep
    | RestartStep
    | PauseStep
    | ResumeStep
    | HogCpuStep
)
