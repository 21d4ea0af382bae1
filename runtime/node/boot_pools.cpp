#include "runtime/node/node.hpp"

namespace actord {

status spawn_pools(node&) { return {}; }

} // namespace actord
