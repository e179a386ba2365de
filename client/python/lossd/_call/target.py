"""Where a call goes: the target as gRPC wants it, the channel's options, and the proxy on the way."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import os
import pathlib
import urllib.parse
from typing import Any, List, Optional, Tuple, Union

import grpc

DEFAULT_PORT = "50051"
_SCHEMES = ("dns", "ipv4", "ipv6", "unix", "unix-abstract", "vsock", "xds")

# Replicas take turns, and each call goes to one that answers.
_SERVICE_CONFIG = json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})


@dataclasses.dataclass(frozen=True)
class Tls:
    """TLS: who is trusted, and who calls.

    ca: the certificates of who signed the server's, PEM: a path, or bytes; None is the system's. cert, key: the
    caller's own, for a server that asks for one. server_name: the name in the server's certificate, where it is not
    the target's.
    """

    ca: Union[str, "os.PathLike[str]", bytes, None] = None
    cert: Union[str, "os.PathLike[str]", bytes, None] = None
    key: Union[str, "os.PathLike[str]", bytes, None] = None
    server_name: Optional[str] = None

    def credentials(self) -> Any:
        """Returns gRPC's credentials. Raises OSError where a file cannot be read, and ValueError for half a pair."""
        if (self.cert is None) != (self.key is None):
            raise ValueError("tls: cert and key are set together, or neither")
        return grpc.ssl_channel_credentials(_pem(self.ca), _pem(self.key), _pem(self.cert))


def _pem(source: Union[str, "os.PathLike[str]", bytes, None]) -> Optional[bytes]:
    return source if source is None or isinstance(source, bytes) else pathlib.Path(source).read_bytes()


def grpc_target(target: str) -> str:
    """Returns the target in gRPC's words: a scheme, and a port where there was none."""
    if target.partition(":")[0] in _SCHEMES:
        return target
    if target.startswith("/"):
        return f"unix:{target}"
    if target.count(":") > 1 and not target.startswith("["):
        target = f"[{target}]"  # a bare IPv6 address
    if not target.endswith(tuple("0123456789")) or ":" not in target.rpartition("]")[2]:
        target = f"{target}:{DEFAULT_PORT}"
    return f"dns:///{target}"


def channel_options(proxy: Optional[str], tls: Optional[Tls]) -> List[Tuple[str, Any]]:
    """Returns the options of a channel."""
    options: List[Tuple[str, Any]] = [
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.enable_http_proxy", int(proxy is not None)),
        ("grpc.service_config", _SERVICE_CONFIG),
        # gRPC tries again only what it has kept, and keeps 256 KiB unless told: what a connection that leaves
        # at its age has not taken, too.
        ("grpc.per_rpc_retry_buffer_size", (1 << 31) - 1),
        # A server that was away for long is asked again soon, and not after gRPC's two minutes.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2000),
        ("grpc.dns_min_time_between_resolutions_ms", 5000),
        # Clients of one process do not share a connection, on which a server gives each only a share.
        ("grpc.use_local_subchannel_pool", 1),
    ]
    if tls is not None and tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    return options


def _first_set(*variables: str) -> str:
    return next((os.environ[name] for name in variables if name in os.environ), "")


def proxy_for(target: str) -> Optional[str]:
    """Returns the proxy of a target, "host:port" without credentials, None where it is called directly.

    This machine (localhost, 127.0.0.0/8, ::1, unix:) has none, nor have hosts whose names end in an entry of
    no_grpc_proxy, no_proxy or NO_PROXY, the first that is set. Others are called through the proxy that grpc_proxy,
    https_proxy or http_proxy names, as gRPC does.
    """
    proxy = urllib.parse.urlsplit(_first_set("grpc_proxy", "https_proxy", "http_proxy"))
    scheme, _, rest = target.partition(":")
    if proxy.scheme != "http" or scheme in ("unix", "unix-abstract", "vsock"):
        return None
    addresses = rest if scheme in ("dns", "ipv4", "ipv6") else target
    hosts = [_host(address).lower() for address in addresses.rpartition("/")[2].split(",")]
    names = _first_set("no_grpc_proxy", "no_proxy", "NO_PROXY").lower().split(",")
    direct = tuple(name.strip() for name in names if name.strip())
    if all(_is_this_machine(host) or host.endswith(direct) for host in hosts):
        return None
    return proxy.netloc.rpartition("@")[2]


def stays_here(target: str) -> bool:
    """Returns whether the target, in gRPC's words, is this machine and can be no other: localhost, a loopback address,
    a Unix socket. Names such as a.localhost are not, for a DNS server answers for them."""
    scheme, _, rest = target.partition(":")
    if "?" in target or "#" in target or scheme not in ("unix", "unix-abstract", "dns", "ipv4", "ipv6"):
        return False
    if scheme.startswith("unix"):
        return True
    if rest.startswith("//"):
        authority, _, rest = rest[2:].partition("/")
        if authority:  # a DNS server that is asked
            return False
    hosts = [_host(address) for address in (rest.split(",") if scheme != "dns" else [rest])]
    return all(_is_own_address(host) or (scheme == "dns" and host == "localhost") for host in hosts)


def _host(address: str) -> str:
    address = urllib.parse.unquote(address)
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address if address.count(":") > 1 else address.partition(":")[0]


def _is_this_machine(host: str) -> bool:
    return _is_own_address(host) or ("." + host).rstrip(".").endswith(".localhost")


def _is_own_address(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified
