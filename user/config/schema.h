// The keys of the configuration file: the tables of schema.cpp and what is made of them. Any thread.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "config/fields.h"

namespace sockdog {

const Schema<Config>& config_schema();
const Schema<Policy>& policy_schema();
const Schema<ReceiverSettings>& receiver_schema();

}  // namespace sockdog
