// Lists of instances as the DNS core wants them, read from a view in whichever thread: of a service, of the mesh-capable endpoints for it,
// of what a prepared query finds.
#pragma once
#include "api/dns/core/answer.hpp"
#include "storage/model/catalog.hpp"
#include "storage/model/prepared_query.hpp"
#include "storage/state/read_view.hpp"

namespace actord {
class long_reads;
}

namespace actord::dns {

struct list_wanted {
  query_service what;   // service, connect; the rest of prepared queries alone
  bool by_query = false;
  std::string near;     // the node that it is sorted for, "": it is not
};

struct instance_list {
  endpoint_list list; // null: it could not be read
  std::shared_ptr<const std::vector<uint32_t>> ties; // where it is sorted, as directory::found_query has them
  uint64_t seen = 0;  // the state's index
  uint64_t stamp = 0; // while stamp_of() says the same, nothing in it has changed
  uint64_t places = 0; // the index of the coordinates
  nanos took{0};
  std::vector<std::string> through; // mesh-capable ones are instances of these services
};

// A bounded read that gave up, or a view that failed, makes a list that is to be looked at no further.
instance_list read_list(const list_wanted& w, const read_view& view, long_reads* elsewhere);
uint64_t stamp_of(const list_wanted& w, const std::vector<std::string>& through, const read_view& view);

// A list of many is let go of by another thread: it is as many small pieces.
endpoint_list shared_list(std::vector<endpoint> all, long_reads* elsewhere);

// How DNS sees a catalog record.
node_facts facts_of(const node_record& n);
// False when the instance is critical, which DNS shows of prepared queries only.
bool endpoint_of(const check_service_node& c, endpoint& out);

} // namespace actord::dns
