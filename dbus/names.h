/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The names on the bus, in one place for helper, client and tests. The API itself is org.vpcctl.Vpcd1.xml beside this. */

#define VPCD_BUS_NAME "org.vpcctl.Vpcd1"
#define VPCD_PATH "/org/vpcctl/Vpcd1"
#define VPCD_MANAGER "org.vpcctl.Vpcd1.Manager"
#define VPCD_VPC "org.vpcctl.Vpcd1.Vpc"
#define VPCD_SUBNET "org.vpcctl.Vpcd1.Subnet"
#define VPCD_ENDPOINT "org.vpcctl.Vpcd1.Endpoint"
#define VPCD_PEERING "org.vpcctl.Vpcd1.Peering"
#define VPCD_WORKLOAD "org.vpcctl.Vpcd1.Workload"

/* Objects: prefix, then each name as one path element encoded by sd_bus_path_encode(3). */
#define VPCD_PATH_VPC VPCD_PATH "/vpc"           /* /vpc/NAME */
#define VPCD_PATH_SUBNET VPCD_PATH "/subnet"     /* /subnet/VPC/NAME */
#define VPCD_PATH_ENDPOINT VPCD_PATH "/endpoint" /* /endpoint/VPC/SUBNET/NAME */
#define VPCD_PATH_PEERING VPCD_PATH "/peering"   /* /peering/A/B with A < B */
#define VPCD_PATH_WORKLOAD VPCD_PATH "/workload" /* /workload/VPC/SUBNET/NAME */

/* Calls that change something may wait for a person who types a password: this long and no longer. */
#define VPCD_CALL_TIMEOUT_SEC 600
#define VPCD_AUTH_TIMEOUT_SEC 300
