#include "actors/events/event_actor.hpp"
#include "runtime/base/log.hpp"
#include "runtime/node/node.hpp"
#include "storage/model/catalog.hpp"

namespace actord {

status spawn_events(node& n) {
  auto board = std::make_shared<event_board>();
  events_setup s;
  s.node_name = n.config.node_name;
  s.datacenter = n.config.datacenter;
  s.remote_exec = !n.config.disable_remote_exec;
  s.lan = n.cluster.lan;
  s.rpc = n.cluster.rpc;
  s.board = board;
  s.services = [board = n.board] {
    std::vector<events::local_service> out;
    for (auto& service : board->services()) out.push_back({service->id, service->tags});
    return out;
  };
  n.events = spawn_events_actor(*n.system, std::move(s));
  n.cluster.events = std::move(board);
  return {};
}

status start_watches(node& n, const node_config& config) {
  std::vector<std::string> warnings;
  auto read = watch::read_watches(config, &warnings);
  for (auto& w : warnings) log::warn("agent", "{}", w);
  if (!read) return read.err();
  n.watches.replace(std::move(*read), watch::own_api(config));
  return {};
}

} // namespace actord
