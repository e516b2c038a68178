#include "query/service_interface.h"

#include <nlohmann/json.hpp>

namespace sockdog {
namespace {

constexpr std::string_view kServiceDescription = R"(# What every Varlink service tells about itself.
interface org.varlink.service

# Who answers, and which interfaces it has.
method GetInfo() -> (
  vendor: string,
  product: string,
  version: string,
  url: string,
  interfaces: []string
)

# The text of one interface.
method GetInterfaceDescription(interface: string) -> (description: string)

error InterfaceNotFound (interface: string)
error MethodNotFound (method: string)
# Declared, but not answered by this version.
error MethodNotImplemented (method: string)
error InvalidParameter (parameter: string)
error PermissionDenied ()
# The method answers only calls with "more".
error ExpectedMore ()
)";

void describe(const ServedInterface& served, Call& call) {
    std::optional<std::string> interface;
    if (!call.take("interface", interface)) return;
    if (!interface) {
        call.fail("InvalidParameter", {{"parameter", "interface"}});
    } else if (*interface == served.name) {
        call.reply({{"description", served.text()}});
    } else if (*interface == kServiceInterface) {
        call.reply({{"description", kServiceDescription}});
    } else {
        call.fail("InterfaceNotFound", {{"interface", *interface}});
    }
}

}  // namespace

const ServedInterface kControl{kInterface, "sockdogd", &interface_description};
const ServedInterface kRelay{kRelayInterface, "sockdog-relay", &relay_interface_description};

void answer_service_call(const std::string& method, const std::string& version, const ServedInterface& served,
                         Call call) {
    if (method == "GetInfo") {
        call.reply({{"vendor", "sockdog"},
                    {"product", served.product},
                    {"version", version},
                    {"url", ""},
                    {"interfaces", {kServiceInterface, served.name}}});
    } else if (method == "GetInterfaceDescription") {
        describe(served, call);
    } else {
        call.fail("MethodNotFound", {{"method", std::string(kServiceInterface) + "." + method}});
    }
}

bool ServedInterface::has_method(const std::string& method) const {
    return text().find("\nmethod " + method + "(") != std::string_view::npos;
}

}  // namespace sockdog
