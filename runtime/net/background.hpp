// The loop that the process has for what nobody waits for; see resolve_in_background() in stream_socket.hpp.
#pragma once
#include "runtime/base/duration.hpp"
#include <functional>

namespace actord::net {

// Calls `f` in that loop, later; never where there can be no such loop, which resolve_in_background() tells.
void call_in_background(nanos delay, std::function<void()> f);

} // namespace actord::net
