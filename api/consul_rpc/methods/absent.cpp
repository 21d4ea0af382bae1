// Parts of Consul that this server does not have, answered as one answers that has them turned off.
#include "api/consul_rpc/methods.hpp"

namespace actord::consul_rpc {
namespace {

void no_acl(call& c) { c.fail("ACL support disabled"); }

} // namespace

std::span<const method> absent_methods() {
  static constexpr method rows[] = {
      {"ACL.TokenRead", no_acl}, {"ACL.PolicyResolve", no_acl}, {"ACL.RoleResolve", no_acl},
  };
  return rows;
}

} // namespace actord::consul_rpc
