#include "api/endpoints/mesh.hpp"

namespace actord::endpoints::mesh {
namespace {

using every = rpc::datacenter_request;

template <class List> status find_none(const every&, look&, List&) { return {}; }
template <class List> status find_empty(const every&, look&, List& to) {
  to.set = true;
  return {};
}
template <class List> void see_all(const authorizer&, List&) {} // there is nothing to hide

} // namespace

constinit const read_endpoint<every, string_slice> list_intentions{
    .name = "Intention.List", .field = "Intentions", .may = anybody_may<every>, .sees = see_all<string_slice>,
    .run = find_empty<string_slice>};
constinit const read_endpoint<every, string_slice> list_federation_states{
    .name = "FederationState.List", .field = "States", .may = anybody_may<every>, .sees = see_all<string_slice>,
    .run = find_none<string_slice>};
constinit const read_endpoint<every, string_table> list_mesh_gateways{
    .name = "FederationState.ListMeshGateways", .field = "DatacenterNodes", .may = anybody_may<every>,
    .sees = see_all<string_table>, .run = find_empty<string_table>};

} // namespace actord::endpoints::mesh
