#include "tests/sim/scenario.hpp"
#include <algorithm>
#include <array>

namespace actord::sim {

namespace {

constexpr test::network_faults calm_network{.loss = 0, .duplicate = 0, .delay_min = 1, .delay_max = 3, .straggler = 0};
constexpr test::network_faults lossy_network{
    .loss = 0.1, .duplicate = 0.05, .delay_min = 1, .delay_max = 15, .straggler = 0.05};
constexpr test::network_faults rough_network{
    .loss = 0.03, .duplicate = 0.03, .delay_min = 1, .delay_max = 10, .straggler = 0.03};

const std::array table{
    scenario{.name = "calm", .about = "nothing fails; elections and load only", .network = calm_network},
    scenario{.name = "lossy", .about = "messages are lost, doubled, late and out of order", .network = lossy_network,
             .compaction = true},
    scenario{.name = "partitions", .about = "links are cut, both ways and one way", .network = rough_network,
             .fault_every = 300, .partition = 3, .one_way = 3, .isolate_leader = 2},
    scenario{.name = "crashes", .about = "processes and machines die; disks are slow and forget", .network = calm_network,
             .sync_max = 20, .slow_disk = 0.05, .fault_every = 250, .kill = 2, .power_loss = 4, .election_fault = 0.4,
             .compaction = true},
    scenario{.name = "pauses", .about = "processes stand still and leadership is handed over", .network = rough_network,
             .fault_every = 250, .pause = 3, .transfer = 3},
    scenario{.name = "failures", .about = "everything above at once", .network = rough_network, .sync_max = 15,
             .slow_disk = 0.03, .fault_every = 200, .partition = 2, .one_way = 2, .isolate_leader = 3, .kill = 2,
             .power_loss = 5, .pause = 2, .transfer = 1, .election_fault = 0.6, .compaction = true},
    scenario{.name = "changes", .about = "servers come and go, while links are cut and machines die",
             .network = rough_network, .sync_max = 15, .fault_every = 120, .partition = 1, .one_way = 1,
             .isolate_leader = 2, .kill = 1, .power_loss = 2, .change = 10, .spares = 2, .election_fault = 0.4,
             .compaction = true},
    scenario{.name = "hasty", .about = "each leader changes the members at once, while the network falls into halves",
             .network = calm_network, .fault_every = 50, .partition = 3, .isolate_leader = 5, .change = 1, .spares = 1,
             .hasty = true},
    scenario{.name = "damage", .about = "logs are lost at restarts, a minority's at a time, while links are cut and machines die",
             .network = rough_network, .sync_max = 15, .slow_disk = 0.03, .fault_every = 120, .partition = 2, .one_way = 1,
             .isolate_leader = 3, .kill = 1, .power_loss = 3, .pause = 1, .transfer = 1, .damage = 6, .election_fault = 0.5,
             .compaction = true},
    scenario{.name = "all", .about = "all of these failures, and servers come and go", .network = rough_network, .sync_max = 15,
             .slow_disk = 0.03, .fault_every = 200, .partition = 2, .one_way = 2, .isolate_leader = 3, .kill = 2,
             .power_loss = 5, .pause = 2, .transfer = 1, .change = 4, .spares = 2, .election_fault = 0.6, .compaction = true},
};

} // namespace

std::span<const scenario> scenarios() { return table; }

const scenario* find_scenario(std::string_view name) {
  auto it = std::find_if(table.begin(), table.end(), [&](const scenario& s) { return s.name == name; });
  return it == table.end() ? nullptr : &*it;
}

} // namespace actord::sim
