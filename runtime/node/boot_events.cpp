#include "runtime/node/node.hpp"

namespace actord {

status spawn_events(node&) { return {}; }

} // namespace actord
