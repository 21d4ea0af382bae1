#include "storage/command/registration_rules.hpp"
#include <algorithm>
#include <cctype>

namespace actord {

namespace {

bool is_any_address(std::string_view a) { return a == "0.0.0.0" || a == "::" || a == "[::]"; }

// Texts of the UUID parser that Consul uses; "" when it is one.
std::string uuid_fault(std::string_view id) {
  if (id.size() != 36) return "uuid string is wrong length";
  for (size_t i = 0; i < id.size(); ++i) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash != (id[i] == '-')) return "uuid is improperly formatted";
    if (!dash && !std::isxdigit(static_cast<unsigned char>(id[i])))
      return std::string("encoding/hex: invalid byte: U+00") + "0123456789ABCDEF"[static_cast<unsigned char>(id[i]) >> 4] +
             "0123456789ABCDEF"[static_cast<unsigned char>(id[i]) & 15] + " '" + id[i] + "'";
  }
  return {};
}

// Which kind of check a definition describes; "" when it is none.
std::string_view type_of(const check_definition_record& d) {
  const bool runs = d.interval.count() > 0;
  if (!d.grpc.empty() && runs) return "grpc";
  if (!d.http.empty() && runs) return "http";
  if (d.ttl.count() > 0) return "ttl";
  if (!d.tcp.empty() && runs) return "tcp";
  if (!d.alias_node.empty() || !d.alias_service.empty()) return "alias";
  if (!d.docker_container_id.empty() && !d.script_args.empty() && runs) return "docker";
  if (!d.script_args.empty() && runs) return "script";
  return {};
}

// In the state it stands in the keys of all that belongs to what has it: a service's name once more with each of its tags.
std::string length_fault(const char* what, std::string_view name) {
  constexpr size_t longest = 1024;
  if (name.size() <= longest) return {};
  return std::string(what) + " is too long: " + std::to_string(name.size()) + " bytes (limit: " + std::to_string(longest) + ")";
}

std::string node_fault(std::string_view name, std::string_view id) {
  if (name.empty()) return "Must provide node";
  if (auto fault = length_fault("Node name", name); !fault.empty()) return fault;
  auto fault = id.empty() ? "" : uuid_fault(id);
  return fault.empty() ? fault : "Bad node ID: " + fault;
}

void prepare_check(health_check& c) {
  if (c.check_id.empty()) c.check_id = c.name;
  if (c.status.empty()) c.status = health_critical;
}

// The state has a service's tags once more with each of its checks.
std::string tags_fault(const register_request& r) {
  constexpr size_t most_bytes = 4 << 20;
  if (!r.service) return {};
  size_t tags = 0;
  for (auto& tag : r.service->tags) tags += tag.size() + 1;
  const auto checks = static_cast<size_t>(std::count_if(r.checks.begin(), r.checks.end(), [](auto& c) { return !c.service_id.empty(); }));
  if (checks == 0 || tags <= most_bytes / checks) return {};
  return "Too many tags: " + std::to_string(tags) + " bytes of them with each of " + std::to_string(checks) + " checks are more than " +
         std::to_string(most_bytes >> 20) + " MiB: give the service fewer tags or fewer checks";
}

std::string prepare_operation(txn_op& op) {
  if (op.kv) return op.kv->entry.key.empty() && op.kv->verb != kv_delete_tree ? "Must provide key" : "";
  if (op.node) return op.node->verb == kv_get ? "" : node_fault(op.node->node.node, op.node->node.id);
  if (op.service) return op.service->verb == kv_get ? "" : prepare_service(op.service->service);
  if (op.check && op.check->verb != kv_get) prepare_check(op.check->check);
  return {};
}

} // namespace

std::string prepare_registration(register_request& r, std::string_view datacenter) {
  if (r.datacenter.empty()) r.datacenter = datacenter;
  if (r.datacenter != datacenter) return "No path to datacenter";
  if (r.node.empty()) return "Must provide node";
  if (r.address.empty() && !r.skip_node_update) return "Must provide address if SkipNodeUpdate is not set";
  if (auto fault = node_fault(r.node, r.id); !fault.empty()) return fault;
  if (r.service)
    if (auto fault = prepare_service(*r.service); !fault.empty()) return fault;
  if (r.check) {
    r.checks.push_back(*r.check);
    r.check.reset();
  }
  for (auto& c : r.checks) {
    if (c.node.empty()) c.node = r.node;
    prepare_check(c);
    if (c.type.empty()) c.type = type_of(c.definition);
  }
  return tags_fault(r);
}

std::string prepare_deregistration(deregister_request& r, std::string_view datacenter) {
  if (r.datacenter.empty()) r.datacenter = datacenter;
  if (r.datacenter != datacenter) return "No path to datacenter";
  return r.node.empty() ? "Must provide node" : "";
}

std::string prepare_service(node_service& s) {
  if (s.id.empty()) s.id = s.service;
  if (!s.id.empty() && s.service.empty()) return "Must provide service name with ID";
  if (is_any_address(s.address)) return "Invalid service address";
  if (auto fault = length_fault("Service name", s.service); !fault.empty()) return fault;
  if (auto fault = length_fault("Service ID", s.id); !fault.empty()) return fault;
  if (!s.weights) s.weights.emplace();
  return {};
}

std::vector<txn_error> prepare_transaction(txn_request& r) {
  std::vector<txn_error> faults;
  for (size_t i = 0; i < r.ops.size(); ++i)
    if (auto fault = prepare_operation(r.ops[i]); !fault.empty()) faults.push_back({i, std::move(fault)});
  return faults;
}

} // namespace actord
