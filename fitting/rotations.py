"""Rotations as axis-angle vectors, unit quaternions (w, x, y, z) and matrices, batched in torch."""

import torch
from jaxtyping import Float
from torch import Tensor

_SMALL = 1e-6  # squared angle (or its sine) below which series replace quotients; error < 3e-15


def hat(v: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """Cross-product matrix: hat(v) @ u = v x u."""
    x, y, z = v.unbind(-1)
    zero = torch.zeros_like(x)
    rows = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1)
    return rows.reshape(*v.shape[:-1], 3, 3)


def rotation_and_left_jacobian(
    v: Float[Tensor, "*b 3"],
) -> tuple[Float[Tensor, "*b 3 3"], Float[Tensor, "*b 3 3"]]:
    """Rodrigues' formula R = exp(hat(v)) and L with exp(hat(v + d)) ~ exp(hat(L d)) R.

    R = I + a K + b K^2, L = I + b K + c K^2 with K = hat(v), t = |v|, a = sin t / t,
    b = (1 - cos t) / t^2, c = (t - sin t) / t^3. Exact at every angle, 0 and pi included.
    """
    t2 = (v * v).sum(-1)
    small = t2 < _SMALL
    t2s = torch.where(small, torch.ones_like(t2), t2)
    t = t2s.sqrt()
    a = torch.where(small, 1 - t2 / 6 + t2**2 / 120, t.sin() / t)
    b = torch.where(small, 0.5 - t2 / 24, 0.5 * ((t / 2).sin() / (t / 2)) ** 2)
    c = torch.where(small, 1 / 6 - t2 / 120, (t - t.sin()) / (t2s * t))
    k = hat(v)
    k2 = k @ k
    eye = torch.eye(3, dtype=v.dtype, device=v.device)
    a, b, c = (s[..., None, None] for s in (a, b, c))
    return eye + a * k + b * k2, eye + b * k + c * k2


def quaternion_from_vector(v: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 4"]:
    """Unit quaternion of the rotation by |v| radians about v."""
    t2 = (v * v).sum(-1, keepdim=True)
    small = t2 < _SMALL
    t = torch.where(small, torch.ones_like(t2), t2).sqrt()
    half_sinc = torch.where(small, 0.5 - t2 / 48, (t / 2).sin() / t)
    cos = torch.where(small, 1 - t2 / 8, (t / 2).cos())
    return torch.cat([cos, half_sinc * v], -1)


def vector_from_quaternion(q: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 3"]:
    """Axis-angle vector of a unit quaternion, |v| <= pi. Well conditioned at every angle."""
    q = torch.where(q[..., :1] < 0, -q, q)  # q and -q are the same rotation: take the short way
    w, xyz = q[..., :1], q[..., 1:]
    sin = xyz.norm(dim=-1, keepdim=True)
    small = sin < _SMALL
    angle = 2 * torch.atan2(sin, w)
    return xyz * torch.where(small, 2 / w.clamp_min(0.5), angle / sin.clamp_min(_SMALL))


def quaternion_product(
    p: Float[Tensor, "*#b 4"], q: Float[Tensor, "*#b 4"]
) -> Float[Tensor, "*#b 4"]:
    """The rotation q followed by the rotation p, normalised."""
    pw, pv, qw, qv = p[..., :1], p[..., 1:], q[..., :1], q[..., 1:]
    w = pw * qw - (pv * qv).sum(-1, keepdim=True)
    v = pw * qv + qw * pv + torch.linalg.cross(pv, qv)
    product = torch.cat([w, v], -1)
    return product / product.norm(dim=-1, keepdim=True)


def matrix_from_quaternion(q: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 3 3"]:
    """Rotation matrix of a unit quaternion."""
    k = hat(q[..., 1:])
    eye = torch.eye(3, dtype=q.dtype, device=q.device)
    return eye + 2 * q[..., :1, None] * k + 2 * k @ k


def slerp(
    p: Float[Tensor, "*#b 4"], q: Float[Tensor, "*#b 4"], share: float | Float[Tensor, "*#b 1"]
) -> Float[Tensor, "*#b 4"]:
    """Unit quaternion on the shortest way from p (share 0) to q (share 1), at constant speed
    (Shoemake, SIGGRAPH 1985)."""
    inverse = p * p.new_tensor([1.0, -1.0, -1.0, -1.0])
    turn = vector_from_quaternion(quaternion_product(q, inverse))
    return quaternion_product(quaternion_from_vector(share * turn), p)
