#include "api/endpoints/coordinate.hpp"

namespace actord::endpoints::coordinates {
namespace {

status find_all(const rpc::datacenter_request&, look& at, rows<coordinate_record>& to) {
  auto all = at.view.coordinates({}, at.meta);
  to.take_all(all);
  return {};
}

status find_of_node(const rpc::node_request& q, look& at, rows<coordinate_record>& to) {
  auto all = at.view.coordinates(q.node, at.meta);
  for (auto& row : all) row.node = q.node; // as it was asked for
  to.take_all(all);
  return {};
}

} // namespace

constinit const read_endpoint<rpc::datacenter_request, rows<coordinate_record>> list_nodes{
    .name = "Coordinate.ListNodes", .field = "Coordinates", .may = anybody_may<rpc::datacenter_request>,
    .sees = sees_coordinate, .run = find_all};
constinit const read_endpoint<rpc::node_request, rows<coordinate_record>> of_node{
    .name = "Coordinate.Node", .field = "Coordinates", .may = anybody_may<rpc::node_request>,
    .sees = sees_coordinate, .run = find_of_node};

} // namespace actord::endpoints::coordinates
