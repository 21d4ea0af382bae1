// The files of certificates and keys that the configuration names, looked at before anything starts.
#pragma once
#include "runtime/base/error.hpp"
#include "runtime/config/node_config.hpp"

namespace actord {

// Fails in Consul's words when one is absent, holds nothing of the kind, or does not go with another.
status check_tls_files(const node_config& config);

} // namespace actord
