// A program that uses AWS by the SDK for Go, as Terraform's provider does: for each line that it reads, it says who it
// is, and by which key. Its words: the name of a profile, and the address of STS.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func main() {
	background := context.Background()
	settings, err := config.LoadDefaultConfig(background, config.WithSharedConfigProfile(os.Args[1]))
	if err != nil {
		log.Fatal(err)
	}
	client := sts.NewFromConfig(settings, sts.WithEndpointResolver(sts.EndpointResolverFromURL(os.Args[2])))
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		credentials, err := settings.Credentials.Retrieve(background)
		if err != nil {
			log.Fatal(err)
		}
		identity, err := client.GetCallerIdentity(background, &sts.GetCallerIdentityInput{})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(*identity.Arn, credentials.AccessKeyID)
	}
}
