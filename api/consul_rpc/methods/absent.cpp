// Parts of Consul that this server does not have, answered as one answers that has them turned off, or in which nobody has put
// anything yet.
#include "api/consul_rpc/methods.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"

namespace actord::consul_rpc {
namespace {

void no_acl(call& c) { c.fail("ACL support disabled"); }
void no_acl_policy(call& c) { c.fail("ACL not found"); }
void acl_replication(call& c) { c.reply(rpc::acl_replication_reply{}); }
void no_connect(call& c) { c.fail("Connect must be enabled in order to use this endpoint"); }

} // namespace

std::span<const method> absent_methods() {
  static constexpr method rows[] = {
      {"ACL.Apply", no_acl},
      {"ACL.AuthMethodDelete", no_acl},
      {"ACL.AuthMethodList", no_acl},
      {"ACL.AuthMethodRead", no_acl},
      {"ACL.AuthMethodSet", no_acl},
      {"ACL.Authorize", no_acl},
      {"ACL.BindingRuleDelete", no_acl},
      {"ACL.BindingRuleList", no_acl},
      {"ACL.BindingRuleRead", no_acl},
      {"ACL.BindingRuleSet", no_acl},
      {"ACL.Bootstrap", no_acl},
      {"ACL.BootstrapTokens", no_acl},
      {"ACL.Get", no_acl},
      {"ACL.GetPolicy", no_acl_policy},
      {"ACL.List", no_acl},
      {"ACL.Login", no_acl},
      {"ACL.Logout", no_acl},
      {"ACL.PolicyBatchRead", no_acl},
      {"ACL.PolicyDelete", no_acl},
      {"ACL.PolicyList", no_acl},
      {"ACL.PolicyRead", no_acl},
      {"ACL.PolicyResolve", no_acl},
      {"ACL.PolicySet", no_acl},
      {"ACL.ReplicationStatus", acl_replication},
      {"ACL.RoleBatchRead", no_acl},
      {"ACL.RoleDelete", no_acl},
      {"ACL.RoleList", no_acl},
      {"ACL.RoleRead", no_acl},
      {"ACL.RoleResolve", no_acl},
      {"ACL.RoleSet", no_acl},
      {"ACL.TokenBatchRead", no_acl},
      {"ACL.TokenClone", no_acl},
      {"ACL.TokenDelete", no_acl},
      {"ACL.TokenList", no_acl},
      {"ACL.TokenRead", no_acl},
      {"ACL.TokenSet", no_acl},
      {"ConnectCA.ConfigurationGet", no_connect},
      {"ConnectCA.ConfigurationSet", no_connect},
      {"ConnectCA.Roots", no_connect},
      {"ConnectCA.Sign", no_connect},
      {"ConnectCA.SignIntermediate", no_connect},
      {"DiscoveryChain.Get", no_connect},
  };
  return rows;
}

} // namespace actord::consul_rpc
