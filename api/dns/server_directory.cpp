#include "api/dns/server_directory.hpp"
#include "api/dns/catalog_directory.hpp"

namespace actord::dns {

endpoint_list server_directory::instances(std::string_view service, bool connect) {
  auto list = std::make_shared<std::vector<endpoint>>();
  query_meta meta;
  for (auto& c : answers_->service_instances(service, meta, connect, true))
    if (endpoint e; endpoint_of(c, e)) list->push_back(std::move(e));
  return list;
}

std::shared_ptr<const node_facts> server_directory::node(std::string_view name) {
  query_meta meta;
  auto found = answers_->node(name, meta);
  return found ? std::make_shared<const node_facts>(facts_of(*found)) : nullptr;
}

std::string server_directory::node_of_address(std::string_view address) {
  auto found = answers_->node_by_address(address);
  return found ? found->node : std::string{};
}

std::string server_directory::service_of_address(std::string_view address) {
  auto found = answers_->service_by_address(address);
  return found ? found->service_name : std::string{};
}

} // namespace actord::dns
