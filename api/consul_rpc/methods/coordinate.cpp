// Coordinate.*: where agents say they are. There is no table of coordinates yet: what agents send is accepted and forgotten, so that
// they do not log a failure every few seconds.
#include "api/consul_rpc/methods.hpp"
#include "storage/model/rpc_replies.hpp"
#include "storage/model/rpc_requests.hpp"

namespace actord::consul_rpc {
namespace {

void update(call& c) {
  rpc::coordinate_update_request r;
  if (c.decode(r) && c.is_local(r.datacenter)) c.reply(rpc::nothing{});
}

} // namespace

std::span<const method> coordinate_methods() {
  static constexpr method rows[] = {{"Coordinate.Update", update}};
  return rows;
}

} // namespace actord::consul_rpc
