// AES-GCM by OpenSSL for the gossip core. Owned by one thread: it keeps one context for sealing and one for opening.
#pragma once
#include "actors/gossip/core/keyring.hpp"
#include <memory>

namespace actord::gossip {

// errc::internal when OpenSSL gives no context. The cipher's nonces come from OpenSSL's generator; a process that cannot draw
// random bytes ends, since reusing a nonce would give the key away.
result<std::unique_ptr<cipher>> make_cipher();

} // namespace actord::gossip
