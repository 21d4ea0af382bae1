#include "runtime/node/recover_peers.hpp"
#include "actors/raft/core/membership.hpp"
#include "actors/raft/core/wire.hpp"
#include "runtime/base/files.hpp"
#include "runtime/base/json_codec.hpp"
#include "runtime/base/log.hpp"
#include "storage/raft_log/log_store.hpp"
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <unistd.h>

namespace actord {

namespace {

constexpr size_t max_file_bytes = 1 << 20;

constexpr std::string_view guide =
    "When a majority of the servers is lost for good, the others cannot agree on anything any more. Then, with all servers\n"
    "stopped, put a file peers.json into this folder, the same on every server that is left, and start them:\n\n"
    "[\n"
    "  {\"id\": \"<node id>\", \"address\": \"10.1.0.1:8300\", \"non_voter\": false},\n"
    "  {\"id\": \"<node id>\", \"address\": \"10.1.0.2:8300\", \"non_voter\": false}\n"
    "]\n\n"
    "The id of a server is in the file node-id of its data directory. These servers are the cluster from then on. What the\n"
    "lost servers alone knew is lost; what was committed may be, when no server that is left has it. The file is removed\n"
    "once it is taken over.\n";

struct peer_entry {
  std::string id, address;
  bool non_voter = false;
  template <class V, class Self> static void fields(V&& v, Self& self) {
    v("id", self.id);
    v("address", self.address);
    v("non_voter", self.non_voter);
  }
};

result<raft::membership> parse_peers(const std::string& text) {
  list_of<peer_entry> list;
  if (auto s = from_json(text, list); !s)
    return error{errc::bad_request, s.err().text + " (a list of {\"id\", \"address\", \"non_voter\"} is expected)"};
  raft::membership out;
  for (auto& p : list) {
    if (p.id.empty() || p.address.empty()) return error{errc::bad_request, "a server lacks its id or its address"};
    for (auto& [id, address] : out.addresses)
      if (id == p.id || address == p.address) return error{errc::bad_request, "found duplicate peer: id \"" + p.id + "\" address \"" + p.address + "\""};
    (p.non_voter ? out.learners : out.voters).push_back(p.id);
    out.addresses[p.id] = p.address;
  }
  std::sort(out.voters.begin(), out.voters.end());
  std::sort(out.learners.begin(), out.learners.end());
  if (!raft::is_sound(out)) return error{errc::bad_request, "at least one voter is needed"};
  return out;
}

} // namespace

status recover_peers(const std::string& folder, log_store& log) {
  const std::string path = folder + "/peers.json", info = folder + "/peers.info";
  if (::access(info.c_str(), F_OK) != 0) (void)replace_file(info, guide, 0644); // only a convenience: not worth a failure
  auto text = read_file(path, max_file_bytes);
  if (!text) return error{text.err().code, "recovery failed to parse " + path + ": " + text.err().text};
  if (!*text) return {};
  log::info("agent.server", "found peers.json file, recovering Raft configuration...");
  auto members = parse_peers(**text);
  if (!members) return error{members.err().code, "recovery failed to parse " + path + ": " + members.err().text};
  log_batch batch;
  raft::encode(*members, batch.recover_members.emplace());
  if (auto s = log.write({&batch, 1}); !s) return error{s.err().code, "recovery failed: " + s.err().text};
  if (std::remove(path.c_str()) != 0) return error{errc::internal, "recovery failed to delete " + path + ", please delete manually: " + std::strerror(errno)};
  // Who is left decides that what nobody has is lost: a server that waits to be caught up would wait for ever.
  if (::unlink((folder + "/recovering").c_str()) == 0) log::warn("agent.server", "the damaged log is not waited for any more, as peers.json names the servers that are left");
  if (auto s = sync_folder(folder); !s) return error{s.err().code, "recovery failed to delete " + path + ", please delete manually: " + s.err().text};
  log::info("agent.server", "deleted peers.json file after successful recovery: voters={} learners={}", members->voters.size(), members->learners.size());
  return {};
}

} // namespace actord
